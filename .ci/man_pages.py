"""Makes the manual pages: of include/hermes.h, and of what the command says of itself.

man_pages.py DIR COMMAND    writes DIR/man3/hermes.3, a page for each function beside it,
                            and DIR/man1/hermes.1 for the command, which is asked
"""

import pathlib
import re
import subprocess
import sys

import header

HEAD = '.\\" Made by .ci/man_pages.py.\n.TH {name} {section} "" "hermes {version}" "{manual}"\n'
MANUAL = {1: "User commands", 3: "The C interface of hermes"}


# ---- roff ----------------------------------------------------------------------


def plain(text):
    """Return a text as roff prints it unchanged."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")
    return re.sub(r"(?m)^\.", r"\\&.", text.replace("~", "\\(ti"))


def prose(text):
    """Return a text with its names set off, and a sentence a line, as roff wants it."""
    text = plain(text)
    text = re.sub(r"@p (\w+)", r"\\fI\1\\fP", text)
    text = re.sub(r"\b(hermes_\w+)\(\)", r"\\fB\1\\fP(3)", text)
    text = re.sub(r"(?<!\w)_(E[A-Z0-9]+)\b", r"HERMES_\1", text)
    text = re.sub(r"\b(HERMES_[A-Z0-9_]*[A-Z0-9])\b", r"\\fB\1\\fP", text)
    return re.sub(r"(?<=[.!?]) (?=[A-Z\\])", "\n", text)


def page(name, section, version, parts):
    """Return a whole page; parts are pairs of a heading and its roff."""
    out = [HEAD.format(name=name, section=section, version=version, manual=MANUAL[section])]
    out += [f".SH {heading}\n{body.strip()}\n" for heading, body in parts if body.strip()]
    return "".join(out)


def items(pairs):
    """Return a list of terms and what they mean."""
    return "\n".join(f".TP\n{term}\n{meaning}" for term, meaning in pairs)


def verbatim(text):
    """Return lines that stay as they are."""
    return f".nf\n{plain(text.rstrip())}\n.fi"


# ---- The C interface -----------------------------------------------------------


def summary(function):
    """Return what a function is for, for the index of the manual: how its text begins."""
    sentence = re.split(r"\.\s|\.$|; ", function.text)[0]
    start = sentence.partition(": ")[0]
    first = start if len(start.split()) > 3 else sentence  # "A node:" says too little
    return prose(first[0].lower() + first[1:] if first[1:2].islower() or first[1] == " " else first)


def prototype(declaration):
    """Return a declaration with its types bold and its parameters italic, one a line if long."""
    head, _, rest = declaration.rstrip(";").partition("(")
    break_or_space = "\n    " if len(declaration) > 78 else " "
    parameters = []
    for parameter in rest.rstrip(")").split(", "):
        kind, name = re.match(r"(.*?)(\w+)$", parameter).groups()
        bare = name if not kind else ""  # (void)
        parameters.append(f"\\fB{plain(kind + bare)}\\fP\\fI{'' if bare else name}\\fP")
    opening = "\n    " if len(declaration) > 78 else ""
    joined = ("," + break_or_space).join(parameters)
    return f".nf\n\\fB#include <hermes.h>\\fP\n.PP\n\\fB{head}(\\fP{opening}{joined}\\fB);\\fP\n.fi"


def function_page(function, errors, version):
    """Return the page of one function."""
    meaning = {name: (number, what) for name, number, what in errors}
    named = re.findall(r"(?<!\w)(?:HERMES)?_(E[A-Z0-9]+)\b", function.returns)
    codes = [f"HERMES_{code}" for code in dict.fromkeys(named)]
    mentioned = re.findall(r"\b(hermes_\w+)\(\)", f"{function.text} {function.returns}")
    others = [one for one in dict.fromkeys(mentioned) if one != function.name]
    return page(
        function.name,
        3,
        version,
        [
            ("NAME", f"{function.name} \\- {summary(function)}"),
            ("LIBRARY", "libhermes (\\fB\\-lhermes\\fP, or what \\fBpkg\\-config hermes\\fP says)"),
            ("SYNOPSIS", prototype(function.declaration)),
            ("DESCRIPTION", prose(function.text)),
            (
                "PARAMETERS",
                items(
                    (", ".join(f"\\fI{name}\\fP" for name in names), prose(what))
                    for names, what in function.parameters
                ),
            ),
            ("RETURN VALUE", prose(function.returns)),
            ("ERRORS", items((prose(code), prose(meaning[code][1])) for code in codes)),
            ("HISTORY", f"Since hermes {function.since}." if function.since else ""),
            ("SEE ALSO", ",\n".join(f"\\fB{one}\\fP(3)" for one in ["hermes", *others])),
        ],
    )


def overview(source, version):
    """Return hermes(3): the rules for all functions, their list, and the codes of errors."""
    introduction, rules = header.opening(source)
    listed = []
    for title, body in header.sections(source):
        pairs = [(f"\\fB{one.name}\\fP(3)", summary(one)) for one in header.functions(body)]
        if pairs:
            listed.append(f".SS {title}\n{items(pairs)}")
    codes = ((prose(name), prose(what or "all is well")) for name, _, what in header.errors(source))
    return page(
        "hermes",
        3,
        version,
        [
            ("NAME", "hermes \\- publish and subscribe across processes and machines"),
            (
                "SYNOPSIS",
                verbatim(
                    "#include <hermes.h>\n\ncc program.c $(pkg-config --cflags --libs hermes)"
                ),
            ),
            ("DESCRIPTION", "\n.PP\n".join(prose(part) for part in introduction)),
            *((title.upper(), prose(text)) for title, text in rules),
            ("FUNCTIONS", "\n".join(listed)),
            ("ERRORS", items(codes)),
            ("SEE ALSO", "\\fBhermes\\fP(1)"),
        ],
    )


# ---- The command -----------------------------------------------------------------


def command_page(command, version):
    """Return hermes(1), made of what the command prints when it is asked for help."""
    usages = re.findall(r"(?m)^  hermes (\w+) (.*?) {2,}(.*)$", told(command, "help"))
    synopsis, about = [], []
    for name, arguments, what in usages:
        shown = re.sub(r"([A-Z]{2,})", r"\\fI\1\\fP", plain(arguments.strip()))
        synopsis.append(f"\\fBhermes {name}\\fP {shown}".rstrip())
        about.append(
            f".SS hermes {name}\n{prose(what[0].upper() + what[1:])}.\n{flags(command, name)}"
        )
    options = [f".SS of a {kind}\n{listed}" for kind, listed in options_of(command)]
    return page(
        "hermes",
        1,
        version,
        [
            ("NAME", "hermes \\- a post office, and a look at what passes through it"),
            ("SYNOPSIS", "\n.br\n".join(synopsis)),
            (
                "DESCRIPTION",
                "What an operator of a cluster has at hand.\nData goes to standard output as JSON, "
                "one object a line.\nWhat people should know goes to standard error.",
            ),
            ("COMMANDS", "\n".join(about)),
            ("OPTIONS FOR \\-\\-set", "\n".join(options)),
            (
                "EXIT STATUS",
                items(
                    [
                        ("0", "all is well"),
                        ("1", "something went wrong"),
                        ("2", "the command line makes no sense"),
                    ]
                ),
            ),
            ("SEE ALSO", "\\fBhermes\\fP(3)"),
        ],
    )


def flags(command, name):
    """Return the flags of one word of the command, as a list."""
    shown = re.sub(r"\n {8,}(?=\S)", " ", told(command, "help", name))  # a flag a line
    found = re.findall(r"(?m)^ {6}--([\w-]+)(?: (\S+))? {2,}(.*)$", shown)
    return items(
        (f"\\fB\\-\\-{flag}\\fP \\fI{plain(kind)}\\fP".strip(), prose(what))
        for flag, kind, what in found
    )


def options_of(command):
    """Return the options of each kind of part: the kind, and a list."""
    found = []
    for part in told(command, "options", "markdown").split("## ")[1:]:
        rows = re.findall(r"(?m)^\| `([^|]*?)` \| `?([^|]*?)`? \| ([^|]*?) \| (.*) \|$", part)
        terms = (
            (
                f"\\fB{plain(key)}\\fP" + (f" (\\fI{plain(default)}\\fP)" if default else ""),
                f"{prose(what)} ({when})",
            )
            for key, default, when, what in rows
        )
        found.append((part.split()[0], items(terms)))
    return found


def told(command, *arguments):
    """Return what the command prints."""
    done = subprocess.run([command, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def main(folder, command):
    """Write all pages."""
    source = header.read()
    version = re.search(r'HERMES_VERSION_STRING "(.*)"', source).group(1)
    errors = header.errors(source)
    pages = {
        "man1/hermes.1": command_page(pathlib.Path(command).resolve(), version),
        "man3/hermes.3": overview(source, version),
    }
    for function in header.functions(source):
        pages[f"man3/{function.name}.3"] = function_page(function, errors, version)
    for name, text in pages.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
