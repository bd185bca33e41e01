"""What include/hermes.h says: the one parser for everything that is made of it."""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "hermes.h"

CONSTANT = re.compile(r"(?m)^#define (HERMES_\w+) +(\S.*?) *(?:/\*(.*?)\*/)?$")
NOT_PROMISED = re.compile(r"HERMES_(H|API|ABI_VERSION|VERSION_\w+)$")


@dataclasses.dataclass
class Function:
    """One function, and what its documentation comment says."""

    name: str
    declaration: str  # on one line, with its semicolon
    text: str
    parameters: list[tuple[list[str], str]]  # names, and what they are
    returns: str
    since: str


def read():
    """Return the header's text."""
    return HEADER.read_text()


def sections(source):
    """Yield (title, body) of each part of the header."""
    parts = re.split(r"/\* ---- (.*?) -+ \*/", source)
    yield from zip(parts[1::2], parts[2::2])


def functions(body):
    """Yield each documented function in the body."""
    pattern = r"(/\*\*(?:[^*]|\*(?!/))*\*/)\s*HERMES_API ([^;]*;)"
    for comment, declaration in re.findall(pattern, body):
        name = re.search(r"(hermes_\w+)\(", declaration).group(1)
        yield Function(name, one_line(declaration), *documentation(comment))


def declared(source):
    """Return the names of all functions, documented or not."""
    return set(re.findall(r"HERMES_API [^;]*?(hermes_\w+)\(", source))


def documentation(comment):
    """Return the text of a comment, its parameters, what is returned, and since when."""
    text = re.sub(r"\s*@since ([\d.]+)\.?", r"\n@since \1", undecorated(comment))
    before, *tags = re.split(r"(?m)\s*@(?=param|return|since)", text)
    parameters, returns, since = [], "", ""
    for tag in tags:
        kind, _, rest = one_line(tag).partition(" ")
        if kind == "param":
            names, _, meaning = rest.partition(" ")
            parameters.append((names.split(","), meaning))
        elif kind == "return":
            returns = rest
        else:
            since = rest
    return one_line(before), parameters, returns, since


def undecorated(comment):
    """Return the text of a C comment, without its stars."""
    lines = comment.strip()[2:-2].lstrip("*").split("\n")
    return "\n".join(re.sub(r"^ ?\* ?", "", line.strip("\n")).rstrip() for line in lines).strip()


def opening(source):
    """Return what the header's first comment says: an introduction, and (title, text) pairs."""
    comment = re.search(r"/\* SPDX.*?\*/", source, re.S).group()
    lines = re.sub(r"(?m)^ ?\*(/| ?)", "", comment[2:-2]).split("\n")[2:]
    introduction, rules = [], []
    for line in lines:
        if re.match(r"^[A-Za-z]+$", line):  # a word alone begins a rule
            rules.append((line.capitalize(), []))
        else:
            (rules[-1][1] if rules else introduction).append(line)
    paragraphs = [one_line(part) for part in "\n".join(introduction).split("\n\n")]
    return [part for part in paragraphs if part], [
        (title, one_line(" ".join(text))) for title, text in rules
    ]


def constants(source):
    """Return (name, value, meaning) of each constant that programs are compiled with."""
    found = CONSTANT.findall(source)
    return [
        (name, re.sub(r"^\((-?\d+)\)$", r"\1", value), meaning.strip())
        for name, value, meaning in found
        if not NOT_PROMISED.match(name)
    ]


def errors(source):
    """Return the constants that are results of functions."""
    return [row for row in constants(source) if re.match(r"HERMES_(OK|E[A-Z0-9]+)$", row[0])]


def types(source):
    """Return the definitions of types, each on one line."""
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    return [one_line(found) for found in re.findall(r"typedef [^;{]*(?:\{[^}]*\}[^;]*)?;", code)]


def one_line(text):
    """Return a text with its white space evened out."""
    return " ".join(text.split())
