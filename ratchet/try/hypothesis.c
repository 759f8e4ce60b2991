/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/hypothesis.h"

#include "reference/base/err.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

static bool is_utf8(const char *text)
{
    json_t *valid = json_string(text);

    json_decref(valid);
    return valid != NULL;
}

/* The first control character that no text needs, or NULL. C1 has two bytes, the first is C2. */
static const unsigned char *find_control(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p &&
           ((*p >= ' ' && *p != 0x7f && !(*p == 0xc2 && p[1] < 0xa0)) || *p == '\n' || *p == '\t'))
        p++;
    return *p ? p : NULL;
}

int hypothesis_check(const char *text)
{
    const unsigned char *control = find_control(text);
    const char *p = text;

    if (!is_utf8(text))
        return err_set(ERR_USAGE, "the hypothesis is no valid UTF-8");
    while (isspace((unsigned char)*p))
        p++;
    if (!*p)
        return err_set(ERR_USAGE, "the hypothesis is empty; say what should get faster, and why");
    if (strlen(text) > HYPOTHESIS_MOST)
        return err_set(ERR_USAGE, "the hypothesis has %zu bytes; at most %d are kept", strlen(text),
                       HYPOTHESIS_MOST);
    if (control)
        return err_set(ERR_USAGE,
                       "the hypothesis has a control character (byte 0x%02x at %zu); only newlines "
                       "and tabs may be in it",
                       *control == 0xc2 ? control[1] : *control,
                       (size_t)(control - (const unsigned char *)text));
    return 0;
}
