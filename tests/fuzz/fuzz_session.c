/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a session file. The first one says what is put right before they are loaded, or no
 * input would get past the digests: 1 the model, 2 the layout of pages, 4 the checksum. What loads
 * is asked for a token: pages may hold anything. */
#include "engine/run/session_internal.h"

#include "engine/model/layout_id.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/engine/random_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODEL_AT = 32, HEX = SHA256_HEX - 1, LAYOUT_AT = MODEL_AT + HEX };

static struct engine_session *session;
static char model[SHA256_HEX], layout[SHA256_HEX];

static int start(const char *path)
{
    const struct engine_options o = {.features = cpu_features(), .n_threads = 1, .micro_batch = 8};
    struct engine_model *m;

    TRY(engine_model_open(path, &o, &m));
    TRY(engine_session_open(m, &session));
    TRY(model_id(m, model));
    return layout_id_pages(&session->plan->kv, o.features, layout);
}

static void start_once(void)
{
    if (session || random_model_with(&random_model_small, start) == 0)
        return;
    fprintf(stderr, "fuzz_session: %s\n", err_message());
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int32_t token = 5;
    char *file;
    size_t n;

    start_once();
    if (size < 1)
        return 0;
    n = size - 1;
    file = malloc(n + 1);
    if (!file)
        abort();
    memcpy(file, data + 1, n);
    if (data[0] & 1 && n >= LAYOUT_AT)
        memcpy(file + MODEL_AT, model, HEX);
    if (data[0] & 2 && n >= LAYOUT_AT + HEX)
        memcpy(file + LAYOUT_AT, layout, HEX);
    if (data[0] & 4 && n >= HEX) {
        char hex[SHA256_HEX];

        sha256_hex(file, n - HEX, hex);
        memcpy(file + n - HEX, hex, HEX);
    }
    if (session__load(session, file, n, "input") == 0 &&
        engine_session_position(session) < engine_model_n_context(session->model))
        engine_session_eval(session, &token, 1, NULL, NULL);
    free(file);
    return 0;
}
