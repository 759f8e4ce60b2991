/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole terminal, by ncurses: what runs above, the last attempts below. */
#include "ratchet/command/cmd.h"
#include "ratchet/report/watch.h"

#include "ratchet/git/repo.h"
#include "ratchet/try/record.h"
#include "reference/base/strbuf.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

enum { PLAIN, GOOD, BAD, DOUBT, LABEL, INDENT = 11 };

/* Text at (y, x), cut at the right edge; what does not print, escape sequences above all, is a
 * space. */
static void put(int y, int x, int colour, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void put(int y, int x, int colour, const char *fmt, ...)
{
    int columns = getmaxx(stdscr) - x, used = 0;
    wchar_t wide[1024];
    char text[2048];
    size_t n;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (y >= getmaxy(stdscr) || columns <= 0)
        return;
    for (const char *p = text; *p && used < columns; used++) {
        mbstate_t state = {0};

        n = mbrtowc(&wide[used], p, strlen(p), &state);
        if (n == (size_t)-1 || n == (size_t)-2) {
            wide[used] = L'?';
            n = 1;
        } else if (!iswprint((wint_t)wide[used])) {
            wide[used] = L' ';
        }
        p += n;
        if (used == (int)(sizeof wide / sizeof *wide) - 1)
            break;
    }
    attron(COLOR_PAIR(colour));
    mvaddnwstr(y, x, wide, used);
    attroff(COLOR_PAIR(colour));
}

static int colour_of(const char *verdict)
{
    return strcmp(verdict, "WIN") == 0 ? GOOD
           : strcmp(verdict, "INCONCLUSIVE") == 0 || strcmp(verdict, "SAME_CODE") == 0 ||
                   strcmp(verdict, LEDGER_SEAL) == 0 || strcmp(verdict, "UNFIT_MACHINE") == 0
               ? DOUBT
               : BAD;
}

/* --- what runs --- */

static void draw_head(const struct watch *w)
{
    char branch[REPO_REF], hex[REPO_HEX] = "no commit";
    git_oid head;

    if (repo_head(w->r->repo, branch, &head) == 0)
        git_oid_tostr(hex, 13, &head);
    else
        snprintf(branch, sizeof branch, "refs/heads/-");
    attron(A_BOLD);
    put(0, 0, PLAIN, "ratchet watch");
    attroff(A_BOLD);
    put(0, 15, LABEL, "%s at %s, %lld rows; q ends", branch + strlen("refs/heads/"), hex,
        (long long)w->n_rows);
}

/* The stages in a row: those that are over, the one under way, those to come. */
static void draw_stages(const json_t *p, int y)
{
    static const char *const stages[] = {"build", "check", "measure", "confirm"};
    bool past = true;
    int x = INDENT;

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        bool now = strcmp(record_get_text(p, "stage"), stages[i]) == 0;
        bool done = now && json_is_true(json_object_get(p, "done"));

        past = past && !now;
        if (now && !done)
            attron(A_BOLD | A_REVERSE);
        put(y, x,
            past || done ? GOOD
            : now        ? PLAIN
                         : LABEL,
            " %s%s ", past || done ? "+" : "", stages[i]);
        attroff(A_BOLD | A_REVERSE);
        x += (int)strlen(stages[i]) + 4;
    }
}

static int draw_running(const struct watch *w, int y)
{
    const json_t *p = w->progress;
    int seconds = (int)json_number_value(json_object_get(p, "seconds"));
    long long n = json_integer_value(json_object_get(p, "experiment"));

    put(y, 0, LABEL, "running");
    if (!p && w->pending)
        put(y, INDENT, DOUBT, "attempt %lld is at state %s", (long long)w->pending,
            w->pending_state);
    else if (!p)
        put(y, INDENT, PLAIN, "nothing");
    if (!p)
        return y + 2;
    if (n)
        put(y, INDENT, PLAIN, "attempt %lld, %d:%02d", n, seconds / 60, seconds % 60);
    else
        put(y, INDENT, PLAIN, "dry run, %d:%02d", seconds / 60, seconds % 60);
    put(y + 1, INDENT, PLAIN, "%s", record_get_text(p, "hypothesis"));
    draw_stages(p, y + 2);
    put(y + 3, INDENT, PLAIN, "%s", record_get_text(p, "text"));
    return y + 5;
}

/* --- the last attempts --- */

static int draw_row(const struct watch *w, int64_t n, int y)
{
    struct ledger_row row;
    char estimate[80];
    int rc = ledger_find(w->r->ledger, n, &row);

    if (rc != 1)
        return rc;
    cmd_estimate(row.estimate, row.low, row.high, estimate, sizeof estimate);
    put(y, 0, PLAIN, "%5lld", (long long)n);
    put(y, 7, colour_of(row.verdict), "%-17s", row.verdict);
    put(y, 25, PLAIN, "%-28s", estimate);
    put(y, 55, PLAIN, "%s", row.hypothesis);
    ledger_row_deinit(&row);
    return 0;
}

static int draw(const struct watch *w)
{
    int y, rc = 0;

    erase();
    draw_head(w);
    y = draw_running(w, 2);
    put(y++, 0, LABEL, "%5s  %-17s %-29s %s", "n", "verdict", "faster (95 % interval)",
        "hypothesis");
    for (int64_t n = w->n_rows; rc == 0 && n > 0 && y < getmaxy(stdscr); n--, y++)
        rc = draw_row(w, n, y);
    refresh();
    return rc;
}

static void colours(void)
{
    if (start_color() != OK)
        return;
    use_default_colors();
    init_pair(GOOD, COLOR_GREEN, -1);
    init_pair(BAD, COLOR_RED, -1);
    init_pair(DOUBT, COLOR_YELLOW, -1);
    init_pair(LABEL, COLOR_CYAN, -1);
}

int watch_screen(struct watch *w)
{
    const char *locale = setlocale(LC_CTYPE, "");
    int rc = 0, key = ERR;

    if (!locale || strcmp(locale, "C") == 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    if (!newterm(NULL, stdout, stdin))
        return watch_lines(w, false);
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    timeout(WATCH_MS);
    colours();
    while (rc == 0 && !watch_ended && key != 'q' && key != 'Q') {
        rc = draw(w);
        key = getch(); /* a change of size counts as a key: drawn again at once */
        if (rc == 0)
            rc = watch_look(w);
    }
    endwin();
    return rc;
}
