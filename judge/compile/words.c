/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/words.h"

#include "reference/base/err.h"

#include <limits.h>
#include <string.h>

int words_add(struct words *w, const char *word)
{
    size_t bytes = strlen(word) + 1;

    if (w->n == WORDS_MAX || bytes > sizeof w->text - w->used)
        return err_set(ERR_RANGE, "the compiler command is too long at %s", word);
    w->argv[w->n++] = memcpy(w->text + w->used, word, bytes);
    w->argv[w->n] = NULL;
    w->used += bytes;
    return 0;
}

int words_split(struct words *w, const char *line)
{
    char word[PATH_MAX];

    while (*(line += strspn(line, " \t\n"))) {
        size_t n = strcspn(line, " \t\n");

        if (n >= sizeof word)
            return err_set(ERR_RANGE, "a word of the compiler command is too long");
        memcpy(word, line, n);
        word[n] = '\0';
        TRY(words_add(w, word));
        line += n;
    }
    return 0;
}
