/* SPDX-License-Identifier: Apache-2.0
 *
 * template_confine.h: what a process may no longer do before it runs a program that came with a download:
 * no network, no new processes, no writing to files, bounded memory and processor time. The sandbox
 * of the template engine is the first wall; its escapes are on record (CVE-2024-56326,
 * CVE-2025-27516), and this is the second. Only engine/chat includes this. */
#ifndef PAWL_TEMPLATE_CONFINE_H
#define PAWL_TEMPLATE_CONFINE_H

/* Opaque: the system calls that are refused. */
struct confinement {
    void *filter;
};

/* In the parent, before fork: everything that allocates. Errors: ERR_NOMEM, ERR_UNSUPPORTED. */
int confinement_open(struct confinement *c);
void confinement_close(struct confinement *c);

/* In the child, after fork and before exec; descriptors from 3 on are closed. Returns 0 or -1. */
int confinement_enter(const struct confinement *c);

#endif
