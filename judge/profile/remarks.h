/* SPDX-License-Identifier: Apache-2.0
 *
 * remarks.h: what the compiler says of its vectoriser (-fopt-info-vec-all), reduced to one line for
 * each loop of the kernel's own files. Inside judge/ only. */
#ifndef PAWL_REMARKS_H
#define PAWL_REMARKS_H

struct strbuf;

/* Append a table to *out: place, "vectorised" with the width, or "missed" with the first reason the
 * compiler gives. Equal remarks count once; places outside kernel/ and remarks about straight code
 * that was left alone are dropped. Ends with a closing line. */
void remarks_print(const char *compiler_output, struct strbuf *out);

#endif
