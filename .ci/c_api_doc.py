"""Makes docs/c-api.md of include/hermes.h, so that the two cannot differ.

c_api_doc.py            writes it
c_api_doc.py --check    fails where it is not what would be written
"""

import re
import sys

import header

DOCUMENT = header.ROOT / "docs" / "c-api.md"

INTRODUCTION = """\
# The C interface

<!-- Made of include/hermes.h by .ci/c_api_doc.py (make format). Do not edit. -->

One header, `hermes.h`, and one library, `libhermes.so.2`. [The guide](guide.md) explains
the terms; [examples/c](../examples/c) has two whole programs, and
[bindings](bindings.md#a-locked-post-office) one for a post office that demands keys.

    cc program.c $(pkg-config --cflags --libs hermes) -o program
"""


def preamble(source):
    """Return the header's opening comment as Markdown: a heading and a list of rules."""
    introduction, rules = header.opening(source)
    listed = "\n".join(f"- **{title}.** {text}" for title, text in rules)
    return link("\n\n".join(["## Rules for all of it", *introduction, listed]))


def prose(function):
    """Return what is said of a function, as Markdown."""
    items = []
    for names, meaning in function.parameters:
        items.append(f"- {', '.join(f'`{name}`' for name in names)}: {meaning}")
    if function.returns:
        items.append(f"- returns {function.returns}")
    if function.since:
        items.append(f"- since {function.since}")
    whole = "\n\n".join(part for part in (function.text, "\n".join(items)) if part)
    return link(re.sub(r"@p (\w+)", r"`\1`", whole))


def link(text):
    """Point the names of functions at their descriptions, and show codes as code."""
    text = re.sub(r"(?<![`\w])(hermes_\w+)\(\)", r"[`\1()`](#\1)", text)
    return re.sub(r"(?<![`\w])(_E[A-Z0-9]+|HERMES_[A-Z0-9_]+)\b", r"`\1`", text)


def table_of_errors(source):
    """Return the codes of errors as a table."""
    lines = ["| code | number | meaning |", "|---|---|---|"]
    for name, number, meaning in header.errors(source):
        lines.append(f"| `{name}` | {number} | {meaning or 'all is well'} |")
    return "\n".join(lines)


def wrapped(declaration):
    """Return a declaration with a parameter a line where it is long."""
    if len(declaration) <= 90:
        return declaration
    head, _, parameters = declaration.partition("(")
    return head + "(\n    " + ",\n    ".join(parameters.split(", "))


def document():
    """Return the whole document."""
    source = header.read()
    out = [INTRODUCTION, preamble(source)]
    for title, body in header.sections(source):
        out.append(f"## {title}")
        if title == "Errors":
            out.append(table_of_errors(body))
        for one in header.functions(body):
            out.append(f"### {one.name}\n\n```c\n{wrapped(one.declaration)}\n```\n\n{prose(one)}")
    return "\n\n".join(part.strip("\n") for part in out) + "\n"


def main():
    """Write the document, or compare."""
    wanted = document()
    declared = header.declared(header.read())
    described = set(re.findall(r"(?m)^### (hermes_\w+)$", wanted))
    if declared != described:
        sys.exit(f"hermes.h declares without a description: {sorted(declared - described)}")
    if "--check" not in sys.argv[1:]:
        DOCUMENT.write_text(wanted)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != wanted:
        sys.exit("docs/c-api.md is not what hermes.h says; run: make format")


if __name__ == "__main__":
    main()
