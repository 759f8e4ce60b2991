/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/space.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const char text[] = "/* TUNABLE(NOT_ME, 1, 1, 2); */\n"
                           "#define TUNABLE(name, value, low, high) \\\n"
                           "    enum { name = (value) }\n"
                           "TUNABLE(ROWS, 4, 1, 64); /* rows */ TUNABLE(OFF, 0, 0, 65536);\n"
                           "// TUNABLE(NOR_ME, 1, 1, 2);\n"
                           "TUNABLE(BLOCK_KIB, 256, 16,\n"
                           "        8192);                    /* KiB (of L2) */\n"
                           "static const char *s = \"TUNABLE(NOR, 1, 1, 2)\";\n"
                           "TUNABLE ( SHIFT , -3 /* was -2 */ , -8, 0x10 );\n"
                           "int TUNABLE_ROWS(int), MY_TUNABLE(int a);\n";

static struct tunables t;

static void parse(const char *source)
{
    t = (struct tunables){0};
    cr_assert_eq(tunables_parse("a.inc", source, 0, &t), 0, "%s", err_message());
}

Test(tunables, reads_calls_and_nothing_else)
{
    static const struct {
        const char *name;
        int64_t value, low, high;
    } want[] = {{"ROWS", 4, 1, 64},
                {"OFF", 0, 0, 65536},
                {"BLOCK_KIB", 256, 16, 8192},
                {"SHIFT", -3, -8, 16}};

    parse(text);
    cr_assert_eq(t.n, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_str_eq(t.item[i].name, want[i].name);
        cr_assert_eq(t.item[i].value, want[i].value);
        cr_assert_eq(t.item[i].low, want[i].low);
        cr_assert_eq(t.item[i].high, want[i].high);
    }
    tunables_deinit(&t);
}

Test(tunables, writes_values_and_changes_nothing_else)
{
    const int64_t same[] = {4, 0, 256, -3}, other[] = {16, 1536, 1024, 7};
    struct strbuf out = {0}, want = {0};

    parse(text);
    tunables_write(&t, 0, text, same, &out);
    cr_assert_str_eq(out.data, text);
    strbuf_clear(&out);
    tunables_write(&t, 0, text, other, &out);
    strbuf_addf(&want, "%s", text);
    cr_assert_eq(strlen(out.data), strlen(text) + 1 + 3 + 1 - 1);
    cr_assert(
        strstr(out.data, "TUNABLE(ROWS, 16, 1, 64); /* rows */ TUNABLE(OFF, 1536, 0, 65536);\n"));
    cr_assert(strstr(out.data, "TUNABLE(BLOCK_KIB, 1024, 16,\n        8192); "));
    cr_assert(strstr(out.data, "TUNABLE ( SHIFT , 7 /* was -2 */ , -8, 0x10 );\n"));
    tunables_deinit(&t);
    /* back again: the first text, byte for byte */
    parse(out.data);
    strbuf_clear(&want);
    tunables_write(&t, 0, out.data, same, &want);
    cr_assert_str_eq(want.data, text);
    tunables_deinit(&t);
    strbuf_deinit(&out);
    strbuf_deinit(&want);
}

/* Only what C takes for the beginning of a comment begins one. */
Test(tunables, comments_end_where_those_of_c_end)
{
    static const char *const sources[] = {
        "// see kernel/*.inc\nTUNABLE(A, 1, 1, 2);",
        "// see \\\nTUNABLE(NOT_ME, 1, 1, 2);\nTUNABLE(A, 1, 1, 2);",
        "#define WHERE \"kernel/*.inc\"\nTUNABLE(A, 1, 1, 2);",
        "#include \"a.inc\" // as kernel/*.inc\nTUNABLE(A, 1, 1, 2);",
        "#define B 1 /* until\nTUNABLE(NOT_ME, 1, 1, 2); */\nTUNABLE(A, 1, 1, 2);",
        "TUNABLE(A, // of kernel/*.inc\n1, 1, 2);",
    };

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        parse(sources[i]);
        cr_assert_eq(t.n, 1, "%s", sources[i]);
        cr_assert_str_eq(t.item[0].name, "A");
        tunables_deinit(&t);
    }
}

Test(tunables, refuses_what_it_does_not_understand)
{
    static const struct {
        const char *source, *words;
    } bad[] = {
        {"\nTUNABLE(A, 2 * 8, 1, 64);", "a.inc:2: not the four arguments"},
        {"TUNABLE(A, BIG, 1, 64);", "no integer"},
        {"TUNABLE(A, 8u, 1, 64);", "no integer"},
        {"TUNABLE(A, 8, 1);", "not the four arguments"},
        {"TUNABLE(A, 8, 1, 64, 3);", "not the four arguments"},
        {"TUNABLE(A, 65, 1, 64);", "a value out of its range"},
        {"TUNABLE(A, 8, 1, 64); TUNABLE(A, 8, 1, 64);", "a name used twice"},
        {"TUNABLE(, 8, 1, 64);", "no name"},
        {"TUNABLE(A, 8, 1, 64", "not the four arguments"},
        {"TUNABLE(A, 99999999999999999999, 1, 64);", "no integer"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t = (struct tunables){0};
        cr_assert_eq(tunables_parse("a.inc", bad[i].source, 0, &t), ERR_FORMAT, "%s",
                     bad[i].source);
        cr_assert(strstr(err_message(), bad[i].words), "%s: %s", bad[i].source, err_message());
        tunables_deinit(&t);
    }
}

Test(tunables, reads_the_shipped_kernel)
{
    struct strbuf file = {0}, out = {0};
    int64_t value[SPACE_MOST];
    struct space s;

    cr_assert_eq(file_read("kernel/tunables.inc", &file), 0);
    parse(file.data);
    cr_assert_geq(t.n, 20);
    cr_assert_eq(space_select(&t, NULL, NULL, &s), 0);
    for (size_t i = 0; i < t.n; i++)
        value[i] = t.item[i].value;
    tunables_write(&t, 0, file.data, value, &out);
    cr_assert_str_eq(out.data, file.data);
    tunables_deinit(&t);
    strbuf_deinit(&file);
    strbuf_deinit(&out);
}

/* --- space --- */

static int select_from(const char *source, const char *over, const char *range, struct space *s)
{
    int rc;

    parse(source);
    rc = space_select(&t, over, range, s);
    tunables_deinit(&t);
    return rc;
}

Test(space, scales_fit_the_range)
{
    struct space s;

    cr_assert_eq(select_from(text, NULL, NULL, &s), 0);
    cr_assert_eq(s.n, 4);
    cr_assert(s.axis[0].log && s.axis[1].log && s.axis[2].log && !s.axis[3].log);
    cr_assert_float_eq(space_unit(&s.axis[0], 8), 0.5, 1e-12);
    cr_assert_eq(space_value(&s.axis[0], 0.5), 8);
    cr_assert_float_eq(space_unit(&s.axis[1], 0), 0, 1e-12);
    cr_assert_float_eq(space_unit(&s.axis[1], 65536), 1, 1e-12);
    cr_assert_eq(space_value(&s.axis[1], 0), 0);
    cr_assert_float_eq(space_unit(&s.axis[3], 4), 0.5, 1e-12);
}

Test(space, every_value_comes_back)
{
    struct space s;

    cr_assert_eq(select_from(text, NULL, "OFF=0..8192:64,BLOCK_KIB=20..8190:7", &s), 0);
    for (size_t i = 0; i < s.n; i++) {
        const struct space_axis *a = &s.axis[i];
        double last = -1;

        for (int64_t v = a->low; v <= a->high; v += a->step) {
            double u = space_unit(a, v);

            cr_assert(u > last && u < 1 + 1e-12);
            cr_assert_eq(space_value(a, u), v);
            last = u;
        }
        cr_assert_eq(space_value(a, -1), a->low);
        cr_assert_eq(space_value(a, 2), a->high);
    }
    cr_assert_eq(s.axis[2].high, 20 + (8190 - 20) / 7 * 7);
    cr_assert_eq(space_values(&s.axis[1]), 129);
}

Test(space, text_makes_the_same_space)
{
    struct space s, again;
    struct strbuf out = {0};

    cr_assert_eq(select_from(text, "ROWS,OFF", "OFF=0..8192:64", &s), 0);
    space_text(&s, &out);
    cr_assert_str_eq(out.data, "ROWS=1..64,OFF=0..8192:64");
    cr_assert_eq(select_from(text, "ROWS,OFF", out.data, &again), 0);
    cr_assert_arr_eq(&s.axis[1], &again.axis[1], sizeof s.axis[1]);
    strbuf_deinit(&out);
}

Test(space, refuses_nonsense)
{
    static const struct {
        const char *over, *range, *words;
    } bad[] = {
        {"ROWS,NONE", NULL, "no TUNABLE \"NONE\""},
        {"ROWS,ROWS", NULL, "twice"},
        {"", NULL, "no TUNABLE \"\""},
        {"ROWS", "OFF=0..64", "not among the TUNABLEs"},
        {"ROWS", "ROWS=0..64", "from 1 to 64"},
        {"ROWS", "ROWS=8..4", "NAME=LOW..HIGH"},
        {"ROWS", "ROWS=1..8:0", "NAME=LOW..HIGH"},
        {"ROWS", "ROWS", "NAME=LOW..HIGH"},
    };
    struct space s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(select_from(text, bad[i].over, bad[i].range, &s), ERR_USAGE);
        cr_assert(strstr(err_message(), bad[i].words), "%s", err_message());
    }
    cr_assert_eq(select_from("TUNABLE(A, 3, 3, 3);", NULL, NULL, &s), ERR_USAGE);
    cr_assert(strstr(err_message(), "TUNABLE(NAME, value, low, high)"), "%s", err_message());
}
