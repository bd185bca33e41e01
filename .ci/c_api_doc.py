"""Makes docs/c-api.md of include/hermes.h, so that the two cannot differ.

c_api_doc.py            writes it
c_api_doc.py --check    fails where it is not what would be written
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "hermes.h"
DOCUMENT = ROOT / "docs" / "c-api.md"

INTRODUCTION = """\
# The C interface

<!-- Made of include/hermes.h by .ci/c_api_doc.py (make format). Do not edit. -->

One header, `hermes.h`, and one library, `libhermes.so.2`. [The guide](guide.md) tells what
the words mean; [examples/c](../examples/c) holds two whole programs.

    cc program.c $(pkg-config --cflags --libs hermes) -o program
"""


def undecorated(comment):
    """Return the text of a C comment, without its stars."""
    lines = comment.strip()[2:-2].lstrip("*").split("\n")
    return "\n".join(re.sub(r"^ ?\* ?", "", line.strip("\n")).rstrip() for line in lines).strip()


def preamble(source):
    """Return the header's opening comment as Markdown: a heading and a list of rules."""
    text = re.search(r"/\* SPDX.*?\*/", source, re.S).group()
    lines = re.sub(r"(?m)^ ?\*(/| ?)", "", text[2:-2]).split("\n")
    out, paragraph = ["## Rules for all of it", ""], []

    def flush():
        if paragraph:
            out.append(" ".join(line.strip() for line in paragraph))
            paragraph.clear()

    for line in lines[2:]:
        if re.match(r"^[A-Za-z]+$", line):  # a word alone begins a rule
            flush()
            paragraph.append(f"- **{line.capitalize()}.**")
        elif line.strip():
            paragraph.append(line)
        else:
            flush()
            out.append("")
    flush()
    return link("\n".join(out).strip())


def prose(comment):
    """Return what a documentation comment says, as Markdown."""
    text = undecorated(comment)
    text = re.sub(r"@p (\w+)", r"`\1`", text)
    text = re.sub(r"\s*@since ([\d.]+)\.?", r"\n@since \1", text)
    before, *tags = re.split(r"(?m)\s*@(?=param|return|since)", text)
    out = [" ".join(before.split())]
    items = []
    for tag in tags:
        kind, _, rest = tag.partition(" ")
        rest = " ".join(rest.split())
        if kind == "param":
            names, _, meaning = rest.partition(" ")
            shown = ", ".join(f"`{name}`" for name in names.split(","))
            items.append(f"- {shown}: {meaning}")
        elif kind == "return":
            items.append(f"- returns {rest}")
        else:
            items.append(f"- since {rest}")
    if items:
        out.append("\n".join(items))
    return link("\n\n".join(part for part in out if part))


def link(text):
    """Point the names of functions at their descriptions, and show codes as code."""
    text = re.sub(r"(?<![`\w])(hermes_\w+)\(\)", r"[`\1()`](#\1)", text)
    return re.sub(r"(?<![`\w])(_E[A-Z0-9]+|HERMES_[A-Z0-9_]+)\b", r"`\1`", text)


def macro_table(source):
    """Return the codes of errors as a table."""
    rows = re.findall(r"#define (HERMES_(?:OK|E\w+)) \(?(-?\d+)\)?\s*(?:/\*(.*?)\*/)?", source)
    lines = ["| code | number | meaning |", "|---|---|---|"]
    for name, number, meaning in rows:
        lines.append(f"| `{name}` | {number} | {meaning.strip() or 'all is well'} |")
    return "\n".join(lines)


def sections(source):
    """Yield (title, body) of each part of the header."""
    parts = re.split(r"/\* ---- (.*?) -+ \*/", source)
    yield from zip(parts[1::2], parts[2::2])


def functions(body):
    """Yield (name, declaration, documentation) of each function in the body."""
    pattern = r"(/\*\*(?:[^*]|\*(?!/))*\*/)\s*HERMES_API ([^;]*;)"
    for comment, declaration in re.findall(pattern, body):
        name = re.search(r"(hermes_\w+)\(", declaration).group(1)
        yield name, " ".join(declaration.split()), prose(comment)


def wrapped(declaration):
    """Return a declaration with a parameter a line where it is long."""
    if len(declaration) <= 90:
        return declaration
    head, _, parameters = declaration.partition("(")
    return head + "(\n    " + ",\n    ".join(parameters.split(", "))


def document():
    """Return the whole document."""
    source = HEADER.read_text()
    out = [INTRODUCTION, preamble(source)]
    for title, body in sections(source):
        out.append(f"## {title}")
        if title == "Errors":
            out.append(macro_table(body))
        for name, declaration, text in functions(body):
            out.append(f"### {name}\n\n```c\n{wrapped(declaration)}\n```\n\n{text}")
    return "\n\n".join(part.strip("\n") for part in out) + "\n"


def main():
    """Write the document, or compare."""
    wanted = document()
    declared = set(re.findall(r"HERMES_API[^;]*?(hermes_\w+)\(", HEADER.read_text()))
    described = set(re.findall(r"(?m)^### (hermes_\w+)$", wanted))
    if declared != described:
        sys.exit(f"hermes.h declares without a description: {sorted(declared - described)}")
    if "--check" not in sys.argv[1:]:
        DOCUMENT.write_text(wanted)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != wanted:
        sys.exit("docs/c-api.md is not what hermes.h says; run: make format")


if __name__ == "__main__":
    main()
