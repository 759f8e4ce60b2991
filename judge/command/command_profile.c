/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include "judge/machine/machine_lock.h"
#include "judge/profile/profile.h"
#include "reference/base/err.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* profiles/<first 12 of the code key> below the root, unless the user names a folder. */
static int folder_of(const struct command_line *c, const struct judge_build *build,
                     char out[PATH_MAX])
{
    int n =
        c->out ? snprintf(out, PATH_MAX, "%s", c->out)
               : snprintf(out, PATH_MAX, "%s/profiles/%.12s", c->root, judge_build_code_key(build));

    return n < PATH_MAX ? 0 : err_set(ERR_RANGE, "the name of the profile's folder is too long");
}

static void print_summary(const char *folder, const json_t *summary)
{
    const char *name;
    const json_t *line;

    printf("%s\n", folder);
    json_object_foreach(json_object_get(summary, "files"), name, line) if (strncmp(name, "asm/", 4))
        printf("  %-16s %s\n", name, json_string_value(line));
    printf("%s\n", json_string_value(json_object_get(summary, "closing")));
}

int command_profile(const struct command_line *c, struct judge_build *build)
{
    struct bench *bench = calloc(1, sizeof *bench);
    char folder[PATH_MAX];
    struct profile_options options = {
        .judge = &c->o, .folder = folder, .n_units = c->n_units, .deep = c->deep};
    json_t *summary = NULL;
    int lock = -1, rc;

    if (!bench)
        return err_set(ERR_NOMEM, "profile");
    rc = folder_of(c, build, folder);
    if (rc == 0)
        rc = lock = machine_lock_take(&c->o);
    if (rc >= 0)
        rc = profile_write(build, &options, bench, &summary);
    if (lock >= 0)
        close(lock);
    command_progress_clear();
    if (rc == 0 && bench->status == UNIT_FAILED)
        rc = command_refusal(c, bench->verdict, bench->message);
    if (summary && c->json) {
        json_object_set_new(summary, "folder", json_string(folder));
        command_json(json_incref(summary));
    } else if (summary)
        print_summary(folder, summary);
    json_decref(summary);
    free(bench);
    return rc;
}
