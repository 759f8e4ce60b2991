/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/progress.h"

#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(struct progress *p, bool done, const char *text)
{
    const struct judge_progress step = {.stage = JUDGE_MEASURED, .done = done, .text = text};

    progress_show(p, &step);
}

Test(progress, writes_a_line_now_and_then_into_a_file)
{
    struct progress p;
    char text[256];
    FILE *to = tmpfile();
    size_t n;

    cr_assert(to);
    progress_init(&p, to, false);
    show(&p, false, "first");
    show(&p, false, "too soon");
    show(&p, true, "done");
    show(&p, false, NULL);
    p.last -= 6;
    show(&p, false, "six seconds later");
    progress_clear(&p);
    rewind(to);
    n = fread(text, 1, sizeof text - 1, to);
    text[n] = '\0';
    cr_assert_str_eq(text, "   0 s  measure  first\n   0 s  measure  done\n"
                           "   0 s  measure  six seconds later\n");
    fclose(to);
}

/* What a terminal of `columns` gets for one step. */
static void on_terminal(int columns, bool done, const char *said, struct strbuf *out)
{
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = 24};
    struct progress p;
    char text[512];
    int master, slave;
    ssize_t n;
    FILE *to;

    cr_assert_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
    to = fdopen(slave, "w");
    cr_assert(to);
    progress_init(&p, to, false);
    show(&p, done, said);
    n = read(master, text, sizeof text);
    cr_assert_gt(n, 0);
    strbuf_add(out, text, (size_t)n);
    fclose(to);
    close(master);
}

Test(progress, keeps_to_one_line_of_a_terminal)
{
    static const char words[] = "unit 12: D +1.2 % +- 0.9, E 3.4 of 1000, and more than fits";
    struct strbuf out = {0};

    on_terminal(40, false, words, &out);
    cr_assert_str_eq(out.data, "\r   0 s  measure  unit 12: D +1.2 % +...\033[K");
    strbuf_clear(&out);
    on_terminal(200, true, words, &out);
    cr_assert(strstr(out.data, "more than fits\033[K\r\n"), "%s", out.data);
    strbuf_deinit(&out);
}

Test(progress, is_silent_without_a_place_to_write_to)
{
    struct progress p;

    progress_init(&p, NULL, false);
    show(&p, true, "nobody reads this");
    progress_clear(&p);
    cr_assert_eq(p.last, 0);
}

Test(progress, is_published_for_other_processes_while_it_lasts)
{
    char folder[] = "/tmp/pawl-progress-XXXXXX";
    json_t *read = NULL;
    struct progress p;

    cr_assert(mkdtemp(folder));
    cr_assert_eq(progress_read(folder, &read), 0);
    progress_init(&p, NULL, false);
    progress_publish(&p, folder, 17, "wider tiles");
    show(&p, false, "first");
    show(&p, false, "too soon");
    cr_assert_eq(progress_read(folder, &read), 1);
    cr_assert_str_eq(json_string_value(json_object_get(read, "text")), "first");
    cr_assert_str_eq(json_string_value(json_object_get(read, "stage")), "measure");
    cr_assert_str_eq(json_string_value(json_object_get(read, "hypothesis")), "wider tiles");
    cr_assert_eq(json_integer_value(json_object_get(read, "experiment")), 17);
    json_decref(read);
    progress_end(&p);
    cr_assert_eq(progress_read(folder, &read), 0);
    cr_assert_eq(rmdir(folder), 0, "nothing may be left");
}

Test(progress, of_a_process_that_is_gone_is_none)
{
    char folder[] = "/tmp/pawl-progress-XXXXXX", path[64];
    json_t *read = NULL;
    struct progress p;
    pid_t child;

    cr_assert(mkdtemp(folder));
    child = fork();
    if (child == 0) {
        progress_init(&p, NULL, false);
        progress_publish(&p, folder, 1, "killed");
        show(&p, true, "measured");
        _exit(0);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    snprintf(path, sizeof path, "%s/progress.json", folder);
    cr_assert_eq(access(path, F_OK), 0);
    cr_assert_eq(progress_read(folder, &read), 0);
    unlink(path);
    rmdir(folder);
}
