# SPDX-License-Identifier: Apache-2.0
# The process that runs a model's chat template (engine/chat/template.h says why it is one). It reads
# requests from stdin and writes replies to stdout, one JSON object a line: first the template, then
# conversations. A reply is {"text": ...} or {"error": ...}. What a template may use besides Jinja is
# what chat templates are written for: the documentation of Hugging Face transformers, "Chat
# templates".
import json
import sys


def reply(answer):
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


try:
    from datetime import datetime

    import jinja2
    import jinja2.ext
    import jinja2.nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError as e:
    reply({"error": f"Python cannot import {e.name}: install Debian's package python3-jinja2"})
    sys.exit(0)

LONGEST = 16 << 20  # characters of a rendered conversation


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what a model is trained on; rendered, it is what stands in it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    """Unlike Jinja's own it escapes nothing for HTML."""
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def compile_template(request):
    now = datetime.fromtimestamp(request["now"])
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = now.strftime
    return env.from_string(request["template"])


def render(template, fixed, request):
    parts, length = [], 0
    for part in template.generate({"tools": None, "documents": None} | fixed | request):
        parts.append(part)
        length += len(part)
        if length > LONGEST:
            raise_exception(f"the text has more than {LONGEST} characters")
    return "".join(parts)


def explain(e):
    where = f"line {e.lineno}: " if isinstance(e, jinja2.TemplateSyntaxError) else ""
    kind = "" if isinstance(e, jinja2.TemplateError) else type(e).__name__ + ": "
    return where + kind + " ".join(str(e).split())[:1000]


def main():
    template = None
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
            if template is None:
                fixed = request["variables"]
                template = compile_template(request)
                reply({"text": ""})
            else:
                reply({"text": render(template, fixed, request)})
        except Exception as e:  # whatever a template does, it is the template's fault
            reply({"error": explain(e)})


main()
