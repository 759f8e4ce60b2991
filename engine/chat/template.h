/* SPDX-License-Identifier: Apache-2.0
 *
 * template.h: a model's chat template (tokenizer.chat_template, a Jinja program in the GGUF file)
 * executed by Jinja itself: Debian's python3-jinja2, in a child process per chat, JSON over pipes.
 * Why this library: chat templates are written against the one environment of Hugging Face
 * transformers, which is Jinja in ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks,
 * loop controls and a few functions; they use Python's string methods, slices and exceptions. Debian
 * packages no implementation in C or C++, and a partial one of our own would render some templates
 * wrongly without anybody noticing. Why a process: a template is a program out of a download. It
 * runs without network, new processes or writable files, in 512 MiB, ten seconds for a text
 * (template_confine.h); the engine itself needs no Python, only chat does. Starting costs about 0.1 s once, a
 * text about a millisecond. Only the engine includes this. */
#ifndef PAWL_TEMPLATE_H
#define PAWL_TEMPLATE_H

#include "engine/chat/conversation.h"
#include "engine/gguf/gguf.h"

#include <stdbool.h>
#include <stdint.h>

struct strbuf;
struct chat_template;

/* The format of many small models, for those whose file has no template: "chatml". */
extern const char chat_template_chatml[];

struct chat_template_options {
    struct gguf_string source; /* the Jinja program */
    struct gguf_string bos;    /* text of bos_token and eos_token; "" when there is none */
    struct gguf_string eos;
    const char
        *variables;     /* JSON object of further variables, {"enable_thinking": false}; or NULL */
    int64_t now;        /* seconds since 1970: what strftime_now tells. Fixed for a chat, so that
                            * midnight does not change the beginning of every text */
    const char *python; /* NULL: /usr/bin/python3, the interpreter that Debian's package is for */
    int timeout_ms;     /* for a text; 0: ten seconds */
};

/* Start the process and compile the template; options are not needed afterwards. Errors: ERR_USAGE
 * (variables), ERR_FORMAT (the template, with its line), ERR_IO naming what is missing. */
int chat_template_open(const struct chat_template_options *o, struct chat_template **out);
void chat_template_close(struct chat_template **t);

/* Append the text of a conversation to *out; with `prompt` what makes the model answer comes last.
 * Errors: ERR_FORMAT with what the template objects to (a system message that it does not know, for
 * example); ERR_TIMEOUT and ERR_IO, after which the template is of no more use. */
int chat_template_render(struct chat_template *t, const struct conversation *c, bool prompt,
                         struct strbuf *out);

#endif
