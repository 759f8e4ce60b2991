/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/report/report_page.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* Assembled in page_assets.S. */
extern const char report_page_html[], report_page_style[], report_page_script[];
extern const char report_plot_script[], report_plot_license[], report_plot_missing[];

const struct report_assets report_assets_built = {
    .page = report_page_html,
    .style = report_page_style,
    .script = report_page_script,
    .plot = report_plot_script,
    .plot_license = report_plot_license,
    .plot_missing = report_plot_missing,
};

/* --- policy --- */

static void add_hash(struct strbuf *out, const char *text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH], base64[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];

    SHA256((const unsigned char *)text, strlen(text), digest);
    EVP_EncodeBlock(base64, digest, sizeof digest);
    strbuf_addf(out, " 'sha256-%s'", (const char *)base64);
}

void report_policy(const struct report_assets *assets, bool live, struct strbuf *out)
{
    strbuf_addf(out, "default-src 'none'; base-uri 'none'; form-action 'none'; style-src");
    add_hash(out, assets->style);
    strbuf_addf(out, "; script-src");
    add_hash(out, assets->script);
    if (*assets->plot)
        add_hash(out, assets->plot);
    strbuf_addf(out, "; connect-src %s", live ? "'self'" : "'none'");
}

/* --- data --- */

/* In JSON '<' stands in strings alone; escaped there, no text can end the island or open a comment.
 */
int report_json(const json_t *data, struct strbuf *out)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(6));

    if (!text)
        return err_set(ERR_FORMAT, "report: the data is no valid JSON");
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "<");

        strbuf_add(out, p, n);
        p += n;
        if (*p == '<') {
            strbuf_add(out, "\\u003c", 6);
            p++;
        }
    }
    free(text);
    return 0;
}

/* --- page --- */

static void add_escaped(struct strbuf *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            strbuf_add(out, "&lt;", 4);
            break;
        case '>':
            strbuf_add(out, "&gt;", 4);
            break;
        case '&':
            strbuf_add(out, "&amp;", 5);
            break;
        case '"':
            strbuf_add(out, "&quot;", 6);
            break;
        default:
            strbuf_add(out, text, 1);
        }
}

static bool is_mark(const char *name, size_t len, const char *mark)
{
    return len == strlen(mark) && memcmp(name, mark, len) == 0;
}

/* What stands for {{NAME}}. */
static int add_mark(struct strbuf *out, const char *name, size_t len, const json_t *data,
                    const struct report_assets *assets, bool live)
{
    const struct {
        const char *mark, *text;
        bool escaped;
    } texts[] = {
        {"STYLE", assets->style, false},
        {"SCRIPT", assets->script, false},
        {"PLOT", assets->plot, false},
        {"PLOT_LICENSE", assets->plot_license, true},
        {"PLOT_MISSING", assets->plot_missing, true},
        {"LIVE", live ? "yes" : "no", false},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!is_mark(name, len, texts[i].mark))
            continue;
        if (texts[i].escaped)
            add_escaped(out, texts[i].text);
        else
            strbuf_add(out, texts[i].text, strlen(texts[i].text));
        return 0;
    }
    if (is_mark(name, len, "DATA"))
        return report_json(data, out);
    if (!is_mark(name, len, "POLICY"))
        return err_set(ERR_FORMAT, "report: the page asks for {{%.*s}}, which nobody knows",
                       (int)len, name);
    report_policy(assets, live, out);
    return 0;
}

int report_page(const json_t *data, const struct report_assets *assets, bool live,
                struct strbuf *out)
{
    const char *p = assets->page, *mark, *end;

    while ((mark = strstr(p, "{{")) && (end = strstr(mark, "}}"))) {
        strbuf_add(out, p, (size_t)(mark - p));
        TRY(add_mark(out, mark + 2, (size_t)(end - mark - 2), data, assets, live));
        p = end + 2;
    }
    strbuf_add(out, p, strlen(p));
    return 0;
}
