/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/sha256.h"

#include "reference/base/err.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD_CTX *ctx;
};

int sha256_open(struct sha256 **out)
{
    struct sha256 *s = calloc(1, sizeof *s);

    if (!s || !(s->ctx = EVP_MD_CTX_new()) || !EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL)) {
        if (s)
            EVP_MD_CTX_free(s->ctx);
        free(s);
        return err_set(ERR_NOMEM, "sha256: libcrypto gave no digest context");
    }
    *out = s;
    return 0;
}

void sha256_add(struct sha256 *s, const void *data, size_t bytes)
{
    if (!EVP_DigestUpdate(s->ctx, data, bytes))
        abort();
}

void sha256_close(struct sha256 **s, char hex[SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!EVP_DigestFinal_ex((*s)->ctx, md, &n) || n != 32)
        abort();
    for (unsigned i = 0; i < n; i++) {
        hex[2 * i] = digits[md[i] >> 4];
        hex[2 * i + 1] = digits[md[i] & 15];
    }
    hex[64] = '\0';
    EVP_MD_CTX_free((*s)->ctx);
    free(*s);
    *s = NULL;
}

void sha256_hex(const void *data, size_t bytes, char hex[SHA256_HEX])
{
    struct sha256 *s;

    if (sha256_open(&s) < 0)
        abort();
    sha256_add(s, data, bytes);
    sha256_close(&s, hex);
}
