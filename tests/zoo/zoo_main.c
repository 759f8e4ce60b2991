/* SPDX-License-Identifier: Apache-2.0
 *
 * zoo [--list] [--cache DIR] [NAME...]: put every animal of tests/zoo/animals, or those whose names
 * contain a NAME, before the judge, and print who was caught by what. Exits 1 when an attack was
 * not caught by its verdict or an honest twin was. Each animal is a process of its own; two run at
 * a time, those that need a quiet machine (trials) alone. */
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/zoo/zoo_cage.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_A_TIME = 2, LONGEST_S = 600 };

/* Filled by the animal's process in memory shared with it. */
struct result {
    bool done, failed[2]; /* [attack, twin] failed: the judge reached no verdict */
    struct outcome outcome[2];
    double seconds;
};

struct zoo {
    struct animal *animals;
    struct result *results;
    size_t n;
    struct cage cage; /* scratch: the folder of all */
    pid_t running[AT_A_TIME];
    size_t which[AT_A_TIME];
    size_t n_bad;
};

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void child_run(const struct zoo *z, size_t i)
{
    struct result *r = &z->results[i];
    struct cage cage = z->cage;
    double begin = seconds_now();

    if (snprintf(cage.scratch, sizeof cage.scratch, "%s/%s", z->cage.scratch, z->animals[i].name) >=
            (int)sizeof cage.scratch ||
        file_make_dirs(cage.scratch) < 0)
        _exit(1);
    alarm(LONGEST_S);
    for (int twin = 0; twin < 2; twin++)
        if (cage_run(&cage, &z->animals[i], twin, &r->outcome[twin]) < 0) {
            r->failed[twin] = true;
            snprintf(r->outcome[twin].reason, sizeof r->outcome[twin].reason, "%s", err_message());
        }
    file_remove_tree(cage.scratch);
    r->seconds = seconds_now() - begin;
    r->done = true;
    _exit(0);
}

static bool attack_caught(const struct animal *a, const struct result *r)
{
    const struct outcome *o = &r->outcome[0];

    return !r->failed[0] && strcmp(o->verdict, a->expect) == 0 && strstr(o->reason, a->fragment);
}

static void one_line(char *text)
{
    for (; *text; text++)
        if (*text == '\n' || *text == '\t')
            *text = ' ';
}

/* Where in the reason to begin so that the words that matter are seen. */
static const char *reason_from(const char *reason, const char *fragment)
{
    const char *at = strstr(reason, fragment);

    if (!at || at - reason < 40)
        return reason;
    for (at -= 40; *at != ' ' && at > reason; at--)
        ;
    return at + 1;
}

static void result_print(struct zoo *z, size_t i)
{
    const struct animal *a = &z->animals[i];
    struct result *r = &z->results[i];
    bool caught = r->done && attack_caught(a, r);
    bool honest = r->done && !r->failed[1] && !r->outcome[1].refused;

    one_line(r->outcome[0].reason);
    one_line(r->outcome[1].reason);
    printf("%-4s %-24s %-6s %-17s %-12s %-5s %5.1f  %.*s\n", a->row, a->name,
           zoo_stage_name(r->outcome[0].at),
           !r->done       ? "(judge died)"
           : r->failed[0] ? "(error)"
                          : r->outcome[0].verdict,
           r->failed[1] ? "(error)" : r->outcome[1].verdict, caught && honest ? "ok" : "FAIL",
           r->seconds, caught && honest ? 100 : 400,
           caught ? reason_from(r->outcome[0].reason, a->fragment) : r->outcome[0].reason);
    if (r->done && !caught)
        printf("     must be: %s \"%s\" at stage %s\n", a->expect, a->fragment,
               zoo_stage_name(a->stage));
    if (r->done && !honest)
        printf("     the honest twin: %s\n", r->outcome[1].reason);
    fflush(stdout);
    if (!caught || !honest)
        z->n_bad++;
}

/* Wait until one of the running processes has ended and print what became of it. */
static void one_reap(struct zoo *z)
{
    int status;
    pid_t pid = wait(&status);

    for (int k = 0; k < AT_A_TIME; k++) {
        struct result *r = &z->results[z->which[k]];

        if (z->running[k] != pid)
            continue;
        z->running[k] = 0;
        if (!r->done)
            snprintf(r->outcome[0].reason, sizeof r->outcome[0].reason,
                     "the judge's own process ended with wait status 0x%x", (unsigned)status);
        result_print(z, z->which[k]);
    }
}

static bool needs_quiet(const struct animal *a)
{
    return a->stage == ZOO_TRIAL;
}

static int busy(const struct zoo *z)
{
    int n = 0;

    for (int k = 0; k < AT_A_TIME; k++)
        n += z->running[k] != 0;
    return n;
}

static void animal_start(struct zoo *z, size_t i)
{
    int k = z->running[0] ? 1 : 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        child_run(z, i);
    z->running[k] = pid;
    z->which[k] = i;
}

/* First those that share the machine, then those that do not. */
static void all_run(struct zoo *z)
{
    for (int quiet = 0; quiet < 2; quiet++) {
        int most = quiet ? 1 : AT_A_TIME;

        for (size_t i = 0; i < z->n; i++) {
            if (needs_quiet(&z->animals[i]) != (quiet != 0))
                continue;
            while (busy(z) >= most)
                one_reap(z);
            animal_start(z, i);
        }
        while (busy(z))
            one_reap(z);
    }
}

/* Keep the animals whose names contain one of the words; all when there are none. */
static void animals_select(struct zoo *z, char **words, int n_words)
{
    size_t kept = 0;

    for (size_t i = 0; i < z->n; i++) {
        bool keep = n_words == 0;

        for (int k = 0; k < n_words; k++)
            keep = keep || strstr(z->animals[i].name, words[k]);
        if (keep)
            z->animals[kept++] = z->animals[i];
    }
    z->n = kept;
}

static int run(struct zoo *z)
{
    double begin = seconds_now();
    size_t bytes = (z->n + 1) * sizeof *z->results;

    z->results = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (z->results == MAP_FAILED)
        return err_set(ERR_NOMEM, "out of memory for results");
    printf("%-4s %-24s %-6s %-17s %-12s %-5s %5s  %s\n", "row", "animal", "stage", "verdict",
           "twin", "", "s", "reason");
    all_run(z);
    printf("%zu animals, %zu surprises, %.0f s\n", z->n, z->n_bad, seconds_now() - begin);
    return 0;
}

static int zoo(struct zoo *z, char **words, int n_words, bool list)
{
    const char *tmp = getenv("TMPDIR");
    int rc;

    TRY(animals_read("tests/zoo/animals", &z->animals, &z->n));
    animals_select(z, words, n_words);
    if (z->n == 0)
        return err_set(ERR_USAGE, "no animal of that name; --list names them");
    for (size_t i = 0; i < z->n && list; i++)
        printf("%-4s %-24s %-8s %-17s %s\n", z->animals[i].row, z->animals[i].name,
               zoo_stage_name(z->animals[i].stage), z->animals[i].expect, z->animals[i].attack);
    if (list)
        return 0;
    snprintf(z->cage.scratch, sizeof z->cage.scratch, "%s/pawl-zoo-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(z->cage.scratch))
        return err_set(ERR_IO, "%s: cannot be made", z->cage.scratch);
    if (!z->cage.cache[0])
        snprintf(z->cage.cache, sizeof z->cage.cache, "%.500s/cache", z->cage.scratch);
    rc = file_make_dirs(z->cage.cache);
    if (rc == 0)
        rc = run(z);
    file_remove_tree(z->cage.scratch);
    return rc;
}

int main(int argc, char **argv)
{
    static struct zoo z;
    char self[PATH_MAX], folder[PATH_MAX];
    bool list = false;
    int i = 1, rc;

    snprintf(self, sizeof self, "%s", argv[0]);
    if (!realpath(dirname(self), folder))
        return 2;
    snprintf(z.cage.bin, sizeof z.cage.bin, "%.500s", folder);
    for (; i < argc && argv[i][0] == '-'; i++)
        if (strcmp(argv[i], "--list") == 0)
            list = true;
        else if (strcmp(argv[i], "--cache") == 0 && i + 1 < argc)
            snprintf(z.cage.cache, sizeof z.cage.cache, "%s", argv[++i]);
        else
            return fprintf(stderr, "usage: zoo [--list] [--cache DIR] [NAME...]\n"), 2;
    rc = zoo(&z, argv + i, argc - i, list);
    free(z.animals);
    if (rc < 0)
        fprintf(stderr, "zoo: %s\n", err_message());
    return rc < 0 ? 2 : z.n_bad ? 1 : 0;
}
