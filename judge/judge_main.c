/* SPDX-License-Identifier: Apache-2.0
 *
 * The `judge` program: check, bench, roofline and peaks of one kernel, without touching the ledger.
 */
#include "judge/bench.h"
#include "judge/machine_lock.h"
#include "judge/seal.h"
#include "judge/tables.h"
#include "judge/trial.h"
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

enum exit_code { EXIT_OK = 0, EXIT_NOT_CORRECT = 1, EXIT_USAGE = 2, EXIT_CANNOT = 3 };

static const char help_text[] =
    "usage: judge COMMAND [options]\n"
    "\n"
    "  check      compare a kernel with the oracle: every case and pattern, one thread and many\n"
    "  bench      time a kernel: median, spread, GFLOP/s, GB/s, share of the roof, score\n"
    "  roofline   say at which wall each case stands, and how far from it\n"
    "  peaks      measure this machine: bandwidth of each level, f32 and int8 throughput\n"
    "\n"
    "  --source DIR      folder with kernel.c (default: kernel in the source tree)\n"
    "  --features NAME   all, avx512, avx2 or scalar: what the kernel may use (default all)\n"
    "  --focus OP        give all the weight to one operation, such as gemm (bench, roofline)\n"
    "  --seed N          seed of inputs and plan (default: drawn from the system); the seed that\n"
    "                    a failure names repeats it; 0x... for hexadecimal\n"
    "  --units N         units to measure (bench, roofline; default 3)\n"
    "  --json            one JSON object on standard output instead of text\n"
    "  --help            this text\n"
    "\n"
    "exit: 0 done and correct, 1 not correct, 2 wrong usage, 3 cannot judge here\n";

struct command_line {
    const char *command;
    const char *source; /* NULL: root/kernel */
    uint32_t n_units;
    bool json;
    struct judge_options o;
    char root[PATH_MAX], work_dir[PATH_MAX], worker[PATH_MAX], source_buffer[PATH_MAX];
};

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

/* What the caller ignores (nohup) stays ignored, except for the end of children: it is waited for. */
static void catch_signals(void)
{
    static const int deadly[] = {SIGHUP, SIGINT, SIGTERM};
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
    default:
        return err_set(ERR_USAGE, "see judge --help");
    }
}

static int parse_command_line(int argc, char **argv, struct command_line *c)
{
    static const struct option options[] = {
        {"source", required_argument, NULL, 's'}, {"features", required_argument, NULL, 'f'},
        {"focus", required_argument, NULL, 'o'},  {"seed", required_argument, NULL, 'r'},
        {"units", required_argument, NULL, 'u'},  {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0}};
    int option;

    *c = (struct command_line){.n_units = 3, .o = {.features = "all"}};
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
    return 0;
}

/* --- commands --- */

/* Progress goes to standard error: over itself on a terminal, elsewhere a line now and then. */
static void show_progress(void *ctx, const struct judge_progress *p)
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

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    putchar('\n');
    json_decref(value);
}

/* A kernel that was refused or failed: a value, on standard output where programs read. */
static int print_refusal(const struct command_line *c, enum judge_verdict verdict, const char *text)
{
    const char *name = judge_verdict_name(verdict);

    clear_progress();
    if (c->json) {
        json_t *message = json_string(text);

        if (!message)
            message = json_string("not UTF-8; without --json it is printed as it is");
        print_json(json_pack("{s:s, s:o}", "verdict", name, "message", message));
    } else {
        fprintf(stderr, "judge: %s: %s\n", name, text);
    }
    return EXIT_NOT_CORRECT;
}

static int run_peaks(const struct command_line *c)
{
    struct judge_peaks peaks;
    uint64_t features;
    int lock;

    TRY(cpu_features_named(c->o.features, &features));
    lock = machine_lock_take(&c->o);
    TRY(lock);
    TRY(judge_peaks_measure(features, false, &peaks));
    close(lock);
    if (c->json)
        print_json(judge_peaks_json(&peaks));
    else
        tables_peaks(stdout, &peaks);
    return EXIT_OK;
}

static int run_check(const struct command_line *c, struct judge_build *build)
{
    struct judge_check_report report = {0};
    enum judge_verdict verdict;

    TRY(judge_check(build, &c->o, &report));
    clear_progress();
    if (c->json) {
        json_t *all = trial_report_check(&report);

        json_object_set_new(all, "verdict",
                            json_string(report.verdict == JUDGE_WIN
                                            ? "CORRECT"
                                            : judge_verdict_name(report.verdict)));
        print_json(all);
    } else {
        tables_check(stdout, &report);
    }
    verdict = report.verdict;
    judge_check_report_deinit(&report);
    return verdict == JUDGE_WIN ? EXIT_OK : EXIT_NOT_CORRECT;
}

static int run_bench(const struct command_line *c, struct judge_build *build)
{
    struct bench *b = calloc(1, sizeof *b);
    int lock = machine_lock_take(&c->o), rc = lock;

    if (!b)
        rc = err_set(ERR_NOMEM, "bench");
    if (rc >= 0)
        rc = bench_run(build, &c->o, c->n_units, b);
    if (lock >= 0)
        close(lock);
    clear_progress();
    if (rc == 0 && b->status == UNIT_FAILED) {
        rc = print_refusal(c, b->verdict, b->message);
    } else if (rc == 0) {
        if (c->json)
            print_json(bench_json(b));
        else if (!strcmp(c->command, "roofline"))
            tables_roofline(stdout, b);
        else
            tables_bench(stdout, b);
    }
    free(b);
    return rc;
}

static int run_on_build(struct command_line *c)
{
    struct judge_build *build = NULL;
    int rc;

    TRY(judge_build_open(c->source, &c->o, &build));
    if (!judge_build_ok(build)) {
        rc = print_refusal(c, judge_build_verdict(build), judge_build_log(build));
    } else if (!strcmp(c->command, "check")) {
        rc = run_check(c, build);
    } else {
        rc = run_bench(c, build);
    }
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
    rc = run_on_build(c);
    file_remove_tree(c->work_dir);
    return rc;
}

static bool known_command(const char *name)
{
    static const char *const names[] = {"check", "bench", "roofline", "peaks"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct command_line *c = malloc(sizeof *c);
    int rc;

    if (!c)
        return EXIT_CANNOT;
    catch_signals();
    rc = parse_command_line(argc, argv, c);
    if (rc == 0 && !known_command(c->command))
        rc = err_set(ERR_USAGE, "no command \"%s\"; see judge --help", c->command);
    c->o.progress = show_progress;
    if (rc == 0)
        rc = !strcmp(c->command, "peaks") ? run_peaks(c) : run_command(c);
    free(c);
    if (rc < 0) {
        clear_progress();
        fprintf(stderr, "judge: %s\n", err_message());
        return err_code() == ERR_USAGE ? EXIT_USAGE : EXIT_CANNOT;
    }
    return rc;
}
