/* SPDX-License-Identifier: Apache-2.0
 *
 * json_schema.h: a JSON schema (json-schema.org, draft 2020-12 and the older spellings that mean the
 * same) as a GBNF grammar for the JSON texts it describes. Understood: type, properties, required,
 * additionalProperties, items, prefixItems, minItems, maxItems, enum, const, anyOf, oneOf, allOf,
 * $ref inside the document, minLength, maxLength, pattern, format (date, time, date-time, uuid),
 * minimum, maximum and their exclusive forms for integers.
 *
 * A grammar is made to write with, so it is narrower than the schema where that is usual: properties
 * come in the schema's order; properties and items that it does not mention come only where
 * additionalProperties or items asks for them; all of prefixItems come; a schema without a type has
 * the types its keywords are about; numbers have at most 18 digits. It is wider in one place: oneOf
 * is anyOf. A keyword it does not know is refused by name. Only engine/ includes this. */
#ifndef PAWL_JSON_SCHEMA_H
#define PAWL_JSON_SCHEMA_H

#include <stddef.h>

struct strbuf;

/* Append the grammar of the schema text[0..len) to *rules. Errors: ERR_FORMAT (no JSON, or no
 * schema) and ERR_UNSUPPORTED, both naming the place in the schema. */
int json_schema_grammar(const char *text, size_t len, struct strbuf *rules);

#endif
