/* SPDX-License-Identifier: Apache-2.0
 *
 * The `judge` program: what the judge finds out about one kernel, or about this machine, without
 * touching the ledger. */
#include "judge/command/command.h"

#include "judge/seal.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char help_text[] =
    "usage: judge COMMAND [options]\n"
    "\n"
    "  check      compare a kernel with the oracle: every case and pattern, one thread and many\n"
    "  bench      time a kernel: median, spread, GFLOP/s, GB/s, share of the roof, score\n"
    "  roofline   say at which wall each case stands, and how far from it\n"
    "  survey     time the shapes that kernels are compared by, each beside the limits of its "
    "hour\n"
    "  profile    write down where the time goes: assembly, spills, ports, counters, trace\n"
    "  calibrate  find out how often this judge is wrong on this machine, with known controls\n"
    "  simulate   the decision rule on simulated noise: false accepts and power\n"
    "  peaks      measure this machine: bandwidth of each level, f32 and int8 throughput\n"
    "\n"
    "  --source DIR      folder with kernel.c (default: kernel in the source tree)\n"
    "  --features NAME   scalar, avx2, avx512, amx or all: what the kernel may use (default all)\n"
    "  --focus OP        give all the weight to one operation, such as gemm, or to one listed "
    "case\n"
    "                    by its name (bench, roofline, profile)\n"
    "  --seed N          seed of inputs and plan (default: drawn from the system); the seed that\n"
    "                    a failure names repeats it; 0x... for hexadecimal\n"
    "  --case NAME       this case alone (check), or those whose names begin so (survey)\n"
    "  --replay SEED     --seed, and show the worst region side by side (check)\n"
    "  --units N         units to measure (bench, roofline, profile, survey; default 3)\n"
    "  --svg FILE        draw the roofline (roofline)\n"
    "  --out DIR         folder to write to (profile; default profiles/<code key>)\n"
    "  --deep            time every barrier and chunk as well (profile)\n"
    "  --experiments N   whole experiments per calibration (calibrate; default 40)\n"
    "  --campaigns N     simulated campaigns per noise model (simulate; default 100000)\n"
    "  --json            one JSON object on standard output instead of text\n"
    "  --help            this text\n"
    "\n"
    "exit: 0 done and correct, 1 not correct, 2 wrong usage, 3 cannot judge here\n";

/* What a signal has to remove; "": nothing yet. */
static char scratch_folder[PATH_MAX];

/* --- where we are --- */

static bool is_root(const char *dir)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof path, "%s/kernel/kernel.h", dir);
    if (access(path, R_OK) < 0)
        return false;
    snprintf(path, sizeof path, "%s/judge/kernel.flags", dir);
    return access(path, R_OK) == 0;
}

/* The nearest parent of the working directory that is a source tree. */
static int find_root(char out[PATH_MAX])
{
    if (!getcwd(out, PATH_MAX))
        return err_set(ERR_IO, "the current folder cannot be named: %s", strerror(errno));
    while (!is_root(out)) {
        char *slash = strrchr(out, '/');

        if (!slash || slash == out)
            return err_set(ERR_CONFLICT,
                           "no parent folder holds kernel/kernel.h and judge/kernel.flags; "
                           "run this inside the source tree");
        *slash = '\0';
    }
    return 0;
}

/* judge-worker is built beside this program. */
static int find_worker(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 32);
    char *slash;

    if (n < 0)
        return err_set(ERR_IO, "/proc/self/exe: %s", strerror(errno));
    out[n] = '\0';
    slash = strrchr(out, '/');
    strcpy(slash ? slash + 1 : out, "judge-worker");
    if (access(out, X_OK) < 0)
        return err_set(ERR_IO, "%s: %s; run make", out, strerror(errno));
    return 0;
}

static int make_work_dir(char out[PATH_MAX])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(out, PATH_MAX, "%s/judge-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(out))
        return err_set(ERR_IO, "scratch folder %s: %s; set TMPDIR to a writable folder", out,
                       strerror(errno));
    snprintf(scratch_folder, sizeof scratch_folder, "%s", out);
    return 0;
}

/* Workers die with this process, the scratch folder does not. Only calls that POSIX allows in a
 * handler; the default action, restored by SA_RESETHAND, follows on return. */
static void clean_up_and_die(int number)
{
    pid_t pid = scratch_folder[0] ? _Fork() : -1;

    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", "--", scratch_folder, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    raise(number);
}

/* Compiled objects are kept in $XDG_CACHE_HOME/pawl, ~/.cache/pawl without it; nowhere when that
 * cannot be made. */
static const char *find_cache_dir(char out[PATH_MAX])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (cache && *cache == '/')
        snprintf(out, PATH_MAX, "%s/pawl", cache);
    else if (home && *home == '/')
        snprintf(out, PATH_MAX, "%s/.cache/pawl", home);
    else
        return NULL;
    return file_make_dirs(out) == 0 ? out : NULL;
}

/* What the caller ignores (nohup) stays ignored, except for the end of children: it is waited for. */
static void catch_signals(void)
{
    static const int deadly[] = {SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM};
    const struct sigaction clean = {.sa_handler = clean_up_and_die, .sa_flags = (int)SA_RESETHAND};

    signal(SIGCHLD, SIG_DFL);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        struct sigaction now;

        if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaction(deadly[i], &clean, NULL);
    }
}

/* --- options --- */

static int parse_number(const char *text, const char *option, uint64_t max, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    if (errno || end == text || *end || text[0] == '-' || *out > max)
        return err_set(ERR_USAGE, "--%s %s: not a number up to %llu", option, text,
                       (unsigned long long)max);
    return 0;
}

static int parse_option(struct command_line *c, int option, const char *value)
{
    uint64_t n = 0;

    switch (option) {
    case 's':
        c->source = value;
        return 0;
    case 'f':
        c->o.features = value;
        return cpu_features_named(value, &n);
    case 'o':
        c->o.focus = value;
        return judge_focus_check(value);
    case 'r':
        return parse_number(value, "seed", UINT64_MAX, &c->o.seed);
    case 'u':
        TRY(parse_number(value, "units", 1000, &n));
        c->n_units = (uint32_t)n;
        return n ? 0 : err_set(ERR_USAGE, "--units 0: at least 1");
    case 'j':
        c->json = true;
        return 0;
    case 'p':
        c->replay = true;
        return parse_number(value, "replay", UINT64_MAX, &c->o.seed);
    case 'c':
        c->only_case = value;
        return 0;
    case 'v':
        c->svg = value;
        return 0;
    case 'O':
        c->out = value;
        return 0;
    case 'd':
        c->deep = true;
        return 0;
    case 'e':
        TRY(parse_number(value, "experiments", 1000, &n));
        c->n_experiments = (uint32_t)n;
        return n ? 0 : err_set(ERR_USAGE, "--experiments 0: at least 1");
    case 'n':
        return parse_number(value, "campaigns", 10000000, &c->n_campaigns);
    default:
        return err_set(ERR_USAGE, "see judge --help");
    }
}

static int parse_command_line(int argc, char **argv, struct command_line *c)
{
    static const struct option options[] = {{"source", required_argument, NULL, 's'},
                                            {"features", required_argument, NULL, 'f'},
                                            {"focus", required_argument, NULL, 'o'},
                                            {"seed", required_argument, NULL, 'r'},
                                            {"units", required_argument, NULL, 'u'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"case", required_argument, NULL, 'c'},
                                            {"replay", required_argument, NULL, 'p'},
                                            {"svg", required_argument, NULL, 'v'},
                                            {"out", required_argument, NULL, 'O'},
                                            {"deep", no_argument, NULL, 'd'},
                                            {"experiments", required_argument, NULL, 'e'},
                                            {"campaigns", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;

    *c = (struct command_line){
        .n_units = 3, .n_experiments = 40, .n_campaigns = 100000, .o = {.features = "all"}};
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help_text, stdout);
            exit(EXIT_OK);
        }
        TRY(parse_option(c, option, optarg));
    }
    if (optind + 1 != argc)
        return err_set(ERR_USAGE, "%s; see judge --help",
                       optind == argc ? "no command given" : "one command at a time");
    c->command = argv[optind];
    if (c->only_case && strcmp(c->command, "survey")) {
        TRY(judge_case_check(c->only_case));
        c->o.only_case = c->only_case;
    }
    return 0;
}

/* --- running --- */

static const struct {
    const char *name;
    int (*of_build)(const struct command_line *, struct judge_build *);
    int (*of_machine)(const struct command_line *);
} commands[] = {
    {"check", command_check, NULL},    {"bench", command_bench, NULL},
    {"roofline", command_bench, NULL}, {"profile", command_profile, NULL},
    {"survey", command_survey, NULL},  {"calibrate", command_calibrate, NULL},
    {"peaks", NULL, command_peaks},    {"simulate", NULL, command_simulate},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

/* Index of a command; N_COMMANDS: there is none of this name. */
static int command_find(const char *name)
{
    int i = 0;

    while (i < N_COMMANDS && strcmp(commands[i].name, name))
        i++;
    return i;
}

static int run_on_build(struct command_line *c)
{
    struct judge_build *build = NULL;
    int rc;

    TRY(judge_build_open(c->source, &c->o, &build));
    if (judge_build_ok(build))
        rc = commands[command_find(c->command)].of_build(c, build);
    else
        rc = command_refusal(c, judge_build_verdict(build), judge_build_log(build));
    judge_build_close(&build);
    return rc;
}

static int check_source(const char *folder)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/kernel.c", folder);
    if (access(path, R_OK) < 0)
        return err_set(ERR_USAGE, "--source %s: kernel.c in it: %s", folder, strerror(errno));
    return 0;
}

static int run_command(struct command_line *c)
{
    int rc;

    TRY(find_root(c->root));
    TRY(judge_seal_check(c->root));
    TRY(find_worker(c->worker));
    if (!c->source) {
        snprintf(c->source_buffer, sizeof c->source_buffer, "%.*s/kernel", PATH_MAX - 16, c->root);
        c->source = c->source_buffer;
    }
    TRY(check_source(c->source));
    TRY(make_work_dir(c->work_dir));
    c->o.root = c->root;
    c->o.worker = c->worker;
    c->o.work_dir = c->work_dir;
    c->o.cache_dir = find_cache_dir(c->cache_dir);
    rc = run_on_build(c);
    file_remove_tree(c->work_dir);
    return rc;
}

int main(int argc, char **argv)
{
    struct command_line *c = malloc(sizeof *c);
    int rc, i;

    if (!c)
        return EXIT_CANNOT;
    catch_signals();
    rc = parse_command_line(argc, argv, c);
    i = rc == 0 ? command_find(c->command) : N_COMMANDS;
    if (rc == 0 && i == N_COMMANDS)
        rc = err_set(ERR_USAGE, "no command \"%s\"; see judge --help", c->command);
    c->o.progress = command_progress;
    if (rc == 0)
        rc = commands[i].of_machine ? commands[i].of_machine(c) : run_command(c);
    free(c);
    if (rc < 0) {
        command_progress_clear();
        fprintf(stderr, "judge: %s\n", err_message());
        return err_code() == ERR_USAGE ? EXIT_USAGE : EXIT_CANNOT;
    }
    return rc;
}
