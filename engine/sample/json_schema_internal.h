/* SPDX-License-Identifier: Apache-2.0
 *
 * json_schema_internal.h: shared by the files that turn a JSON schema into a grammar. Only
 * engine/sample/ includes this. */
#ifndef PAWL_JSON_SCHEMA_INTERNAL_H
#define PAWL_JSON_SCHEMA_INTERNAL_H

#include "engine/sample/json_schema.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct schema_writer {
    json_t *root;
    json_t *references; /* {"#/$defs/x": number of its rule} */
    struct strbuf *rules;
    struct strbuf path; /* place in the schema, for messages */
    unsigned n_rules;
    int depth;
};

/* --- json_schema.c --- */

/* The message "schema at PLACE: what". Returns code. */
int schema__fail(const struct schema_writer *w, enum err code, const char *what);

/* The number N of a new rule rN; write `rN ::= body`, which empties the body. ERR_RANGE. */
int schema__rule_new(struct schema_writer *w, unsigned *rule);
void schema__rule_write(struct schema_writer *w, unsigned rule, struct strbuf *body);

/* The rule of a schema that stands one step further down. */
int schema__part(struct schema_writer *w, const char *step, json_t *schema, unsigned *rule);

/* Whether some keyword of the schema is about this type (NULL: about values at all). */
bool schema__speaks_of(json_t *schema, const char *type);

/* --- json_object.c, json_types.c: append the expression of a schema of one type --- */
int schema__object_write(struct schema_writer *w, json_t *schema, struct strbuf *out);
int schema__array_write(struct schema_writer *w, json_t *schema, struct strbuf *out);
int schema__string_write(struct schema_writer *w, json_t *schema, struct strbuf *out);
int schema__integer_write(struct schema_writer *w, json_t *schema, struct strbuf *out);
int schema__number_write(struct schema_writer *w, json_t *schema, struct strbuf *out);

/* bytes as a GBNF literal with its quotes */
void gbnf_literal(struct strbuf *out, const char *bytes, size_t len);

/* --- json_integer.c --- */

/* The integers low..high in decimal, as an expression with its parentheses. low <= high, at most 18
 * digits each. */
void json_integer_range(struct strbuf *out, int64_t low, int64_t high);

/* --- json_pattern.c --- */

/* A regular expression (ECMA-262: characters, escapes, . classes, groups, | * + ? {m,n}, ^ at the
 * beginning, $ at the end) as an expression for the inside of a JSON string: quotation marks and
 * backslashes are escaped there. Errors: ERR_UNSUPPORTED, ERR_FORMAT, naming what. */
int json_pattern(struct strbuf *out, const char *pattern, size_t len);

/* --- json_merge.c --- */

/* *out (a new reference): what satisfies both schemas, which are objects without $ref. Errors:
 * ERR_UNSUPPORTED naming keywords that cannot be joined. */
int json_schema_merge(const json_t *a, const json_t *b, json_t **out);

#endif
