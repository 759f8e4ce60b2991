/* SPDX-License-Identifier: Apache-2.0
 *
 * report_page.h: the document of report_data.h as one HTML page that loads nothing: style, scripts
 * and data are inside, and its content security policy names them by their hashes, so that nothing
 * else could run. The data is a JSON island; the scripts put every text of it into the page as text.
 * The charts are drawn with d3, which the build fetches from npm; a build without it has none, and
 * the page says why. For ratchet/ only. */
#ifndef PAWL_REPORT_PAGE_H
#define PAWL_REPORT_PAGE_H

#include <jansson.h>
#include <stdbool.h>

struct strbuf;

/* What the page is made of; texts end with NUL. */
struct report_assets {
    const char *page;         /* HTML with {{MARKS}} */
    const char *style;        /* CSS */
    const char *script;       /* our JavaScript */
    const char *plot;         /* d3; "" when the build could not have it */
    const char *plot_license; /* its licence; "" likewise */
    const char *plot_missing; /* why there is none; "" when there is one */
};
extern const struct report_assets report_assets_built;

/* Append the page. `live`: it asks the server it came from for news (report_serve.h). Error:
 * ERR_FORMAT. */
int report_page(const json_t *data, const struct report_assets *assets, bool live,
                struct strbuf *out);

/* Append the document as JSON that may stand inside HTML. Error: ERR_FORMAT. */
int report_json(const json_t *data, struct strbuf *out);

/* Append the page's content security policy. */
void report_policy(const struct report_assets *assets, bool live, struct strbuf *out);

#endif
