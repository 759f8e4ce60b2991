/* SPDX-License-Identifier: Apache-2.0
 *
 * region.c: the neighbourhood of a wrong element, for people: is it one value, a row, a column, a
 * tile's tail, everything? */
#include "judge/check/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The number an element of a plain output holds. */
static double number_at(const struct compare_expect *e, const unsigned char *at)
{
    int32_t i;
    float f;

    if (e->buffer->tensor.type == KERNEL_I32) {
        memcpy(&i, at, sizeof i);
        return i;
    }
    memcpy(&f, at, sizeof f);
    return (double)f;
}

static bool is_block(const struct compare_expect *e)
{
    return e->buffer->tensor.type != KERNEL_F32 && e->buffer->tensor.type != KERNEL_I32;
}

/* got, want and bound of element `index`, of a block its byte `byte`. */
static void cell_fill(const struct compare_expect *e, const unsigned char *got, size_t index,
                      size_t byte, struct judge_check_cell *cell)
{
    const unsigned char *want = e->expect.bytes + index * e->element_bytes;
    const unsigned char *at =
        got + compare_element_offset(&e->buffer->tensor, e->element_bytes, index, e->total);
    double unit = 1;

    cell->bound = e->expect.bound[index];
    if (is_block(e)) {
        cell->got = at[byte];
        cell->want = want[byte];
    } else if (e->expect.exact) {
        cell->got = number_at(e, at);
        cell->want = number_at(e, want);
    } else {
        cell->got = number_at(e, at);
        cell->want = e->expect.want[index];
        unit = e->expect.unit[index];
    }
    cell->units = fabs(cell->got - cell->want) / unit;
}

/* How wrong: 0 within the bound, infinite where the class is wrong. */
static double wrongness(const struct compare_expect *e, const unsigned char *got, size_t index)
{
    size_t offset = compare_element_offset(&e->buffer->tensor, e->element_bytes, index, e->total);
    const unsigned char *want = e->expect.bytes + index * e->element_bytes;
    struct judge_check_cell cell;

    if (isinf(e->expect.bound[index]))
        return 0;
    if (e->expect.exact)
        return memcmp(got + offset, want, e->element_bytes) != 0;
    cell_fill(e, got, index, 0, &cell);
    return isfinite(cell.units) ? cell.units / (cell.bound / e->expect.unit[index] + 1e-300)
                                : HUGE_VAL;
}

size_t compare_worst(const struct compare_expect *e, const unsigned char *got)
{
    double most = -1;
    size_t worst = 0;

    for (size_t i = 0; i < e->total; i++) {
        double w = wrongness(e, got, i);

        if (w > most) {
            most = w;
            worst = i;
        }
    }
    return worst;
}

/* First of at most `window` indices below n, around `centre`. */
static size_t window_begin(size_t centre, size_t window, size_t n)
{
    size_t begin = centre > window / 2 ? centre - window / 2 : 0;

    return begin + window <= n ? begin : n > window ? n - window : 0;
}

static void region_add(struct judge_check_region *out, const struct compare_expect *e,
                       const unsigned char *got, size_t index, size_t byte, size_t row,
                       size_t column)
{
    struct judge_check_cell *cell = &out->cells[out->n_cells++];

    cell_fill(e, got, index, byte, cell);
    cell->row = row;
    cell->column = column;
    cell->worst = false;
}

/* The bytes of one block around the first that is wrong. */
static void region_of_block(const struct compare_expect *e, const unsigned char *got, size_t index,
                            size_t column, struct judge_check_region *out)
{
    const unsigned char *want = e->expect.bytes + index * e->element_bytes;
    const unsigned char *at =
        got + compare_element_offset(&e->buffer->tensor, e->element_bytes, index, e->total);
    size_t bad = 0, begin;

    while (bad + 1 < e->element_bytes && at[bad] == want[bad])
        bad++;
    begin = window_begin(bad, JUDGE_REGION_ROWS, e->element_bytes);
    for (size_t b = begin; b < begin + JUDGE_REGION_ROWS && b < e->element_bytes; b++) {
        region_add(out, e, got, index, b, b, column);
        out->cells[out->n_cells - 1].worst = b == bad;
    }
}

void compare_region(const struct compare_expect *e, const unsigned char *got, size_t index,
                    struct judge_check_region *out)
{
    const struct kernel_tensor *t = &e->buffer->tensor;
    size_t columns = (size_t)t->ne[1], planes = (size_t)(t->ne[2] * t->ne[3]);
    size_t rows = e->total / (columns * planes);
    size_t row = index % rows, column = index / rows % columns, plane = index / rows / columns;
    size_t row0 = window_begin(row, JUDGE_REGION_ROWS, rows);
    size_t column0 = window_begin(column, JUDGE_REGION_COLUMNS, columns);

    out->n_cells = 0;
    out->plane = plane;
    snprintf(out->buffer, sizeof out->buffer, "%s", e->buffer->name);
    if (is_block(e)) {
        region_of_block(e, got, index, column, out);
        return;
    }
    for (size_t c = column0; c < column0 + JUDGE_REGION_COLUMNS && c < columns; c++)
        for (size_t r = row0; r < row0 + JUDGE_REGION_ROWS && r < rows; r++) {
            region_add(out, e, got, (plane * columns + c) * rows + r, 0, r, c);
            out->cells[out->n_cells - 1].worst = r == row && c == column;
        }
}
