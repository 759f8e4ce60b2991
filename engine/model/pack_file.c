/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/pack_file.h"

#include "engine/gguf/file_map.h"
#include "engine/gguf/file_writer.h"
#include "engine/model/layout_id.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
    VERSION = 1,
    HEX = SHA256_HEX - 1,
    WEIGHTS_ALIGN = 65536, /* a multiple of every page size there is on x86-64 and its kin */
};

static const char magic[8] = {'P', 'A', 'W', 'L', 'P', 'A', 'C', 'K'};

struct pack_header {
    char magic[8];
    uint64_t version;
    uint64_t gguf_bytes; /* of the file the weights came from */
    uint64_t head_bytes; /* of its head, which follows this header */
    uint64_t weights_at; /* the next multiple of WEIGHTS_ALIGN */
    uint64_t n_weights;  /* bytes, to the end of the file */
    char model[HEX], layout[HEX], digest[HEX];
    char seal[HEX]; /* digest of all above and of the head */
};
_Static_assert(sizeof(struct pack_header) == 304, "no padding in a file");

static int header_seal(const struct pack_header *h, const void *head, char hex[SHA256_HEX])
{
    struct sha256 *seal;

    TRY(sha256_open(&seal));
    sha256_add(seal, h, offsetof(struct pack_header, seal));
    sha256_add(seal, head, h->head_bytes);
    sha256_close(&seal, hex);
    return 0;
}

/* --- reading --- */

bool pack_file_is(const char *path)
{
    FILE *f = fopen(path, "rb");
    char begin[sizeof magic];
    bool is = f && fread(begin, sizeof begin, 1, f) == 1 && !memcmp(begin, magic, sizeof magic);

    if (f)
        fclose(f);
    return is;
}

/* h: the file's first bytes, at least a header. */
static int header_check(const struct pack_header *h, size_t bytes, const char *path)
{
    char hex[SHA256_HEX];
    size_t head_end, end;

    if (memcmp(h->magic, magic, sizeof magic))
        return err_set(ERR_FORMAT, "%s: not a packed model", path);
    if (h->version != VERSION)
        return err_set(ERR_UNSUPPORTED,
                       "%s: packed as version %llu, version %d is read here: pack "
                       "it again (engine pack)",
                       path, (unsigned long long)h->version, VERSION);
    if (!size_add(sizeof *h, h->head_bytes, &head_end) || head_end > h->weights_at ||
        h->weights_at % WEIGHTS_ALIGN || !size_add(h->weights_at, h->n_weights, &end) ||
        end != bytes)
        return err_set(ERR_FORMAT,
                       "%s: %zu bytes are not what its header says: the packed model is cut short "
                       "or damaged",
                       path, bytes);
    TRY(header_seal(h, h + 1, hex));
    if (memcmp(h->seal, hex, HEX))
        return err_set(ERR_INTEGRITY,
                       "%s: the checksum of its header does not match: the packed "
                       "model is damaged",
                       path);
    return 0;
}

static void hex_copy(char out[SHA256_HEX], const char hex[HEX])
{
    memcpy(out, hex, HEX);
    out[HEX] = '\0';
}

static int map_open(const struct file_map *map, const char *path, struct gguf_file **file,
                    struct pack_view *out)
{
    const struct pack_header *h = map->data;

    if (map->bytes < sizeof *h)
        return err_set(ERR_FORMAT, "%s: %zu bytes are no packed model", path, map->bytes);
    TRY(header_check(h, map->bytes, path));
    TRY(gguf_open_head(h + 1, h->head_bytes, h->gguf_bytes, path, file));
    out->weights = (const char *)map->data + h->weights_at;
    out->bytes = h->n_weights;
    hex_copy(out->model, h->model);
    hex_copy(out->layout, h->layout);
    hex_copy(out->digest, h->digest);
    return 0;
}

int pack_file_open(const char *path, struct gguf_file **file, struct pack_view *out)
{
    struct file_map map;
    int rc;

    *file = NULL;
    *out = (struct pack_view){0};
    TRY(file_map_open(path, &map));
    rc = map_open(&map, path, file, out);
    if (rc < 0) {
        file_map_close(&map);
        return rc;
    }
    gguf_own_map(*file, &map);
    /* A wish: have what is not in memory read while the rest of the start goes on. */
    madvise(map.data, map.bytes, MADV_WILLNEED);
    return 0;
}

int pack_file_fits(const struct pack_view *v, const struct graph *g, uint64_t features,
                   const char *path)
{
    char layout[SHA256_HEX];

    TRY(layout_id_weights(g, features, layout));
    if (strcmp(layout, v->layout))
        return err_set(ERR_CONFLICT,
                       "%s: kernel %s packs weights in another way than this file has them: pack "
                       "it again from its GGUF file (engine pack)",
                       path, kernel_name);
    return 0;
}

int pack_file_verify(const struct pack_view *v, const char *path)
{
    char hex[SHA256_HEX];

    sha256_hex(v->weights, v->bytes, hex);
    return strcmp(hex, v->digest)
               ? err_set(ERR_INTEGRITY, "%s: the checksum of its weights does not match", path)
               : 0;
}

/* --- writing --- */

static int pack_put(struct file_writer *f, const struct pack_header *h, const void *head,
                    const struct resident *weights)
{
    TRY(file_writer_add(f, h, sizeof *h));
    TRY(file_writer_add(f, head, h->head_bytes));
    TRY(file_writer_align(f, WEIGHTS_ALIGN));
    return file_writer_add(f, weights->data, weights->bytes);
}

int pack_file_write(const char *path, const struct gguf_file *file, const struct resident *weights,
                    const char *model, const char *layout)
{
    struct pack_header h = {
        .version = VERSION, .gguf_bytes = gguf_file_bytes(file), .n_weights = weights->bytes};
    struct file_writer *f;
    char hex[SHA256_HEX];
    const void *head;
    int rc;

    head = gguf_head(file, &h.head_bytes);
    h.weights_at = size_align(sizeof h + h.head_bytes, WEIGHTS_ALIGN);
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.model, model, HEX);
    memcpy(h.layout, layout, HEX);
    sha256_hex(weights->data, weights->bytes, hex);
    memcpy(h.digest, hex, HEX);
    TRY(header_seal(&h, head, hex));
    memcpy(h.seal, hex, HEX);
    TRY(file_writer_open(path, 0644, &f));
    rc = pack_put(f, &h, head, weights);
    if (rc == 0)
        rc = file_writer_finish(&f);
    file_writer_abandon(&f);
    return rc;
}
