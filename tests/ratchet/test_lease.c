/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/lease.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char store[64];

static void setup(void)
{
    snprintf(store, sizeof store, "/tmp/pawl-lease-XXXXXX");
    cr_assert(mkdtemp(store));
}

static void teardown(void)
{
    file_remove_tree(store);
}

TestSuite(lease, .init = setup, .fini = teardown, .timeout = 60);

static int take(const char *purpose, bool wait, double minutes)
{
    const struct lease_request q = {.purpose = purpose, .wait = wait, .wait_minutes = minutes};

    return lease_take(store, &q);
}

static size_t n_parties(void)
{
    json_t *all = lease_parties(store);
    size_t n = json_array_size(all);

    json_decref(all);
    return n;
}

static void until_parties(size_t n)
{
    for (int i = 0; i < 1000 && n_parties() != n; i++)
        usleep(10000);
    cr_assert_eq(n_parties(), n);
}

/* A process that waits for its turn, writes its letter, works for `ms`, and writes it small. `held`
 * is the lease of this process, or -1: a copy in the child would keep it alive. */
static pid_t party(char letter, int to, int held, int ms)
{
    char name[2] = {letter, 0};
    pid_t pid = fork();

    if (pid == 0) {
        int fd;

        alarm(50);
        close(held);
        fd = take(name, true, 0);
        if (fd < 0 || write(to, &letter, 1) != 1)
            _exit(1);
        usleep((useconds_t)ms * 1000);
        letter = (char)(letter - 'A' + 'a');
        _exit(write(to, &letter, 1) != 1);
    }
    return pid;
}

Test(lease, names_who_is_at_work_and_ends_when_it_is_closed)
{
    json_t *all;
    int fd = take("tile of 8 rows", false, 0), other;

    cr_assert_geq(fd, 0, "%s", err_message());
    all = lease_parties(store);
    cr_assert_eq(json_array_size(all), 1);
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(all, 0), "pid")), getpid());
    json_decref(all);
    cr_assert_eq(take("another", false, 0), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "another ratchet") && strstr(err_message(), "tile of 8 rows"),
              "%s", err_message());
    cr_assert_eq(n_parties(), 1, "who was refused does not stay");
    close(fd);
    cr_assert_eq(n_parties(), 0);
    other = take("another", false, 0);
    cr_assert_geq(other, 0);
    close(other);
}

Test(lease, waits_no_longer_than_asked)
{
    int fd = take("a long one", false, 0);

    cr_assert_eq(take("impatient", true, 0.003), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "gave up") && strstr(err_message(), "a long one"), "%s",
              err_message());
    cr_assert_eq(n_parties(), 1);
    close(fd);
}

Test(lease, is_first_come_first_served_and_one_at_a_time)
{
    enum { N = 6 };
    char said[2 * N + 1] = "", want[2 * N + 1] = "";
    int ends[2], fd = take("first", false, 0);
    pid_t pids[N];

    cr_assert_eq(pipe(ends), 0);
    for (int i = 0; i < N; i++) {
        pids[i] = party((char)('A' + i), ends[1], fd, 20);
        until_parties((size_t)i + 2);
        snprintf(want + 2 * i, 3, "%c%c", 'A' + i, 'a' + i);
    }
    close(fd);
    for (int i = 0; i < N; i++)
        cr_assert_eq(waitpid(pids[i], NULL, 0), pids[i]);
    cr_assert_eq(read(ends[0], said, 2 * N), 2 * N);
    cr_assert_str_eq(said, want);
}

Test(lease, passes_on_when_anyone_is_killed)
{
    char said[8] = "";
    int ends[2];
    pid_t a, b, c, d;

    cr_assert_eq(pipe(ends), 0);
    a = party('A', ends[1], -1, 60000);
    cr_assert_eq(read(ends[0], said, 1), 1);
    b = party('B', ends[1], -1, 0);
    until_parties(2);
    c = party('C', ends[1], -1, 0);
    until_parties(3);
    d = party('D', ends[1], -1, 0);
    until_parties(4);
    kill(c, SIGKILL); /* in the middle: d must not wait for it, nor overtake b */
    cr_assert_eq(waitpid(c, NULL, 0), c);
    cr_assert_eq(n_parties(), 3);
    kill(a, SIGKILL); /* at work */
    cr_assert_eq(waitpid(a, NULL, 0), a);
    cr_assert_eq(waitpid(b, NULL, 0), b);
    cr_assert_eq(waitpid(d, NULL, 0), d);
    cr_assert_eq(read(ends[0], said, 4), 4);
    cr_assert_str_eq(said, "BbDd");
    cr_assert_eq(n_parties(), 0);
}

Test(lease, passes_over_a_damaged_ticket_and_foreign_files)
{
    char path[128];
    json_t *all;
    int fd = take("first", false, 0);

    snprintf(path, sizeof path, "%s/queue/0000000001", store);
    cr_assert_eq(truncate(path, 3), 0);
    snprintf(path, sizeof path, "%s/queue/notes", store);
    cr_assert_eq(file_write_atomic(path, "x", 1), 0);
    all = lease_parties(store);
    cr_assert_eq(json_array_size(all), 1);
    json_decref(all);
    cr_assert_eq(take("second", false, 0), ERR_CONFLICT);
    close(fd);
    cr_assert_eq(access(path, F_OK), 0, "what is no ticket is left alone");
}
