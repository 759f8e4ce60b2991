/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/command.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

void command_progress(void *ctx, const struct judge_progress *p)
{
    static time_t last;
    time_t now = time(NULL);

    (void)ctx;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s%s", p->text, p->done ? "\n" : "");
    else if (p->done || now >= last + 5)
        fprintf(stderr, "%s\n", p->text);
    else
        return;
    last = now;
    fflush(stderr);
}

void command_progress_clear(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

void command_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    putchar('\n');
    json_decref(value);
}

int command_refusal(const struct command_line *c, enum judge_verdict verdict, const char *text)
{
    const char *name = judge_verdict_name(verdict);

    command_progress_clear();
    if (c->json) {
        json_t *message = json_string(text);

        if (!message)
            message = json_string("not UTF-8; without --json it is printed as it is");
        command_json(json_pack("{s:s, s:o}", "verdict", name, "message", message));
    } else {
        fprintf(stderr, "judge: %s: %s\n", name, text);
    }
    return EXIT_NOT_CORRECT;
}
