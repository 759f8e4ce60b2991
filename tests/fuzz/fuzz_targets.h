/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_targets.h: the targets of tests/fuzz by the names they have in the test program. Each takes
 * any bytes and returns 0; a fault is a crash, a sanitizer's report or a hang. */
#ifndef PAWL_TESTS_FUZZ_TARGETS_H
#define PAWL_TESTS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

typedef int (*fuzz_target)(const uint8_t *data, size_t size);

int fuzz_gguf(const uint8_t *data, size_t size);
int fuzz_grammar(const uint8_t *data, size_t size);
int fuzz_jsonrpc(const uint8_t *data, size_t size);
int fuzz_session(const uint8_t *data, size_t size);
int fuzz_template(const uint8_t *data, size_t size);
int fuzz_tokenizer(const uint8_t *data, size_t size);

#endif
