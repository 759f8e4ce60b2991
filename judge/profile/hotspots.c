/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/hotspots.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SAMPLE_HZ = 4000,
    RING_PAGES = 16, /* 64 KiB: seconds of samples at 16 bytes each */
    PAGE = 4096,
};
#define COMMAND_NS 30e6 /* rings are emptied between commands */

/* One thread's event and its ring. */
struct ring {
    int fd;
    struct perf_event_mmap_page *page;
};

struct sampler {
    struct ring rings[WORKER_MAX_THREADS];
    size_t n;
};

/* --- symbols and addresses --- */

static int compare_symbols(const void *a, const void *b)
{
    const struct hotspots_symbol *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static void section_symbols(Elf *elf, Elf_Scn *section, struct hotspots *out)
{
    GElf_Shdr header;
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Sym symbol;

    if (!gelf_getshdr(section, &header) || !data || !header.sh_entsize)
        return;
    for (int i = 0; (size_t)i < header.sh_size / header.sh_entsize; i++) {
        struct hotspots_symbol *s = &out->symbols[out->n_symbols];
        const char *name;

        if (!gelf_getsym(data, i, &symbol) || GELF_ST_TYPE(symbol.st_info) != STT_FUNC ||
            symbol.st_shndx == SHN_UNDEF || out->n_symbols == HOTSPOTS_MAX_FUNCTIONS)
            continue;
        name = elf_strptr(elf, header.sh_link, symbol.st_name);
        *s = (struct hotspots_symbol){.at = symbol.st_value, .bytes = symbol.st_size};
        snprintf(s->name, sizeof s->name, "%s", name ? name : "?");
        out->n_symbols++;
    }
}

int hotspots_symbols(const char *object, struct hotspots *out)
{
    int fd = open(object, O_RDONLY | O_CLOEXEC);
    Elf *elf = NULL;
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", object, strerror(errno));
    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    out->n_symbols = 0;
    while (elf && (section = elf_nextscn(elf, section)))
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
            section_symbols(elf, section, out);
    if (elf)
        elf_end(elf);
    close(fd);
    if (!out->n_symbols)
        return err_set(ERR_FORMAT, "%s: no table of symbols", object);
    qsort(out->symbols, out->n_symbols, sizeof *out->symbols, compare_symbols);
    return 0;
}

struct hotspots_symbol *hotspots_find(struct hotspots *h, uint64_t at)
{
    for (size_t i = 0; i < h->n_symbols; i++)
        if (at >= h->symbols[i].at && at < h->symbols[i].at + h->symbols[i].bytes)
            return &h->symbols[i];
    return NULL;
}

/* Where the object's code lies in it: the lowest executable segment, in whole pages. */
static int code_segment(const char *object, uint64_t *at)
{
    int fd = open(object, O_RDONLY | O_CLOEXEC);
    Elf *elf = NULL;
    size_t n = 0;
    bool found = false;

    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", object, strerror(errno));
    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf)
        elf_getphdrnum(elf, &n);
    for (int i = 0; (size_t)i < n && !found; i++) {
        GElf_Phdr header;

        found =
            gelf_getphdr(elf, i, &header) && header.p_type == PT_LOAD && (header.p_flags & PF_X);
        if (found)
            *at = header.p_vaddr & ~(uint64_t)(PAGE - 1);
    }
    if (elf)
        elf_end(elf);
    close(fd);
    return found ? 0 : err_set(ERR_FORMAT, "%s: no executable segment", object);
}

uint64_t hotspots_base(const char *maps, const char *object, uint64_t code_at)
{
    for (const char *line = maps; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        uint64_t from, to;
        char access[8] = "", name[512] = "";

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s%*[ ]%511[^\n]", &from, &to,
                   access, name) < 3 ||
            access[2] != 'x')
            continue;
        if (!name[0] || strstr(name, "memfd:") || !strcmp(name, object))
            return from - code_at;
    }
    return 0;
}

static int worker_base(pid_t pid, const char *object, uint64_t *base)
{
    struct strbuf maps = {0};
    char path[64];
    uint64_t code_at = 0;
    int rc;

    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    TRY(code_segment(object, &code_at));
    rc = file_read(path, &maps);
    *base = rc == 0 ? hotspots_base(strbuf_str(&maps), object, code_at) : 0;
    strbuf_deinit(&maps);
    return 0;
}

/* --- sampling --- */

static int ring_open(struct ring *r, pid_t thread)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attributes,
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_freq = SAMPLE_HZ,
        .freq = 1,
        .sample_type = PERF_SAMPLE_IP,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    r->fd = (int)syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (r->fd < 0)
        return -errno;
    r->page = mmap(NULL, (1 + RING_PAGES) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (r->page == MAP_FAILED) {
        int problem = errno;

        close(r->fd);
        return -problem;
    }
    return 0;
}

static void sampler_close(struct sampler *s)
{
    for (size_t i = 0; i < s->n; i++) {
        munmap(s->rings[i].page, (1 + RING_PAGES) * PAGE);
        close(s->rings[i].fd);
    }
    s->n = 0;
}

/* An event for each thread; why not goes to `reason`. */
static void sampler_open(struct sampler *s, pid_t pid, char reason[160])
{
    char path[64];
    const struct dirent *e;
    DIR *dir;

    *s = (struct sampler){0};
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    dir = pid ? opendir(path) : NULL;
    if (!dir)
        snprintf(reason, 160, "unavailable: the worker's threads cannot be listed");
    while (dir && (e = readdir(dir)) && s->n < WORKER_MAX_THREADS) {
        int thread = atoi(e->d_name), rc;

        if (thread <= 0)
            continue;
        rc = ring_open(&s->rings[s->n], thread);
        if (rc == 0)
            s->n++;
        else
            snprintf(reason, 160,
                     "unavailable: perf_event_open: %s; as root: sysctl "
                     "kernel.perf_event_paranoid=1",
                     strerror(-rc));
    }
    if (dir)
        closedir(dir);
}

static uint64_t ring_word(const struct ring *r, uint64_t at)
{
    const unsigned char *data = (const unsigned char *)r->page + PAGE;
    uint64_t word;

    memcpy(&word, data + at % ((uint64_t)RING_PAGES * PAGE), sizeof word);
    return word;
}

static void take_sample(struct hotspots *out, struct assembly *a, uint64_t base, uint64_t ip)
{
    struct hotspots_symbol *s = ip >= base ? hotspots_find(out, ip - base) : NULL;
    struct assembly_function *f = s ? assembly_find(a, s->name) : NULL;

    out->n_samples++;
    if (!s)
        return;
    out->n_kernel++;
    s->n_samples++;
    if (f)
        assembly_sample(a, f, (uint32_t)(ip - base - s->at));
}

/* Records are whole words; one of PERF_RECORD_SAMPLE is a header and the instruction pointer. */
static void ring_drain(struct ring *r, struct hotspots *out, struct assembly *a, uint64_t base)
{
    uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = r->page->data_tail;

    while (tail + sizeof(struct perf_event_header) <= head) {
        uint64_t word = ring_word(r, tail);
        struct perf_event_header header;

        memcpy(&header, &word, sizeof header);
        if (!header.size)
            break;
        if (header.type == PERF_RECORD_SAMPLE)
            take_sample(out, a, base, ring_word(r, tail + sizeof header));
        tail += header.size;
    }
    __atomic_store_n(&r->page->data_tail, tail, __ATOMIC_RELEASE);
}

/* Commands of some 30 ms until the time is up. */
static int run_sampled(struct runner *r, double seconds, struct sampler *s, uint64_t base,
                       struct assembly *a, struct hotspots *out, struct judge_fault *fault)
{
    double done_ns = 0, ns;
    uint32_t count = 1;

    while (done_ns < seconds * 1e9 && !fault->found) {
        TRY(runner_run(r, count, &ns, fault));
        done_ns += ns;
        for (size_t i = 0; i < s->n; i++)
            ring_drain(&s->rings[i], out, a, base);
        count = (uint32_t)fmin(1e6, fmax(1, count * fmin(16, COMMAND_NS / fmax(ns, 1))));
    }
    out->seconds = done_ns * 1e-9;
    return 0;
}

int hotspots_take(struct runner *r, const char *object, double seconds, struct assembly *a,
                  struct hotspots *out, struct judge_fault *fault)
{
    struct sampler s;
    uint64_t base = 0;
    int rc;

    *out = (struct hotspots){0};
    TRY(hotspots_symbols(object, out));
    TRY(worker_base(runner_pid(r), object, &base));
    sampler_open(&s, runner_pid(r), out->reason);
    if (!base && !out->reason[0])
        snprintf(out->reason, sizeof out->reason,
                 "unavailable: the worker's memory map cannot be read");
    rc = out->reason[0] ? 0 : run_sampled(r, seconds, &s, base, a, out, fault);
    sampler_close(&s);
    return rc;
}

const struct hotspots_symbol *hotspots_top(const struct hotspots *h)
{
    const struct hotspots_symbol *top = NULL;

    for (size_t i = 0; i < h->n_symbols; i++)
        if (h->symbols[i].n_samples > (top ? top->n_samples : 0))
            top = &h->symbols[i];
    return top;
}

static int compare_hotness(const void *a, const void *b)
{
    const struct hotspots_symbol *x = *(const struct hotspots_symbol *const *)a;
    const struct hotspots_symbol *y = *(const struct hotspots_symbol *const *)b;

    if (x->n_samples != y->n_samples)
        return x->n_samples < y->n_samples ? 1 : -1;
    return x->at < y->at ? -1 : x->at > y->at;
}

void hotspots_print(const struct hotspots *h, struct strbuf *out)
{
    const struct hotspots_symbol *sorted[HOTSPOTS_MAX_FUNCTIONS];
    double all = h->n_samples ? (double)h->n_samples : 1;

    if (h->reason[0]) {
        strbuf_addf(out, "%s\n", h->reason);
        return;
    }
    for (size_t i = 0; i < h->n_symbols; i++)
        sorted[i] = &h->symbols[i];
    qsort(sorted, h->n_symbols, sizeof *sorted, compare_hotness);
    for (size_t i = 0; i < h->n_symbols && sorted[i]->n_samples; i++)
        strbuf_addf(out, "  %5.1f%%  %s\n", 100 * (double)sorted[i]->n_samples / all,
                    sorted[i]->name);
    strbuf_addf(out, "  %5.1f%%  outside the kernel (the worker waiting or starting)\n",
                100 * (double)(h->n_samples - h->n_kernel) / all);
    strbuf_addf(out, "  %" PRIu64 " samples in %.2f s\n", h->n_samples, h->seconds);
}
