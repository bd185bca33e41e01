"""Makes the manual pages: of include/hermes.h, and of what the command says of itself.

man_pages.py DIR COMMAND    writes DIR/man3/hermes.3, a page for each function beside it,
                            DIR/man1/hermes.1, and a page for each command beside it
"""

import json
import pathlib
import re
import subprocess
import sys

import header

HEAD = '.\\" Made by .ci/man_pages.py.\n.TH {name} {section} "" "hermes {version}" "{manual}"\n'
MANUAL = {1: "User commands", 3: "The C interface of hermes"}


# ---- roff ----------------------------------------------------------------------


GLYPHS = str.maketrans(
    {"←": "\\(<-", "→": "\\(->", "↑": "\\(ua", "↓": "\\(da", "×": "\\(mu", "µ": "\\(mc", "…": "..."}
)


def plain(text):
    """Return a text as roff prints it unchanged."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")
    text = text.replace("~", "\\(ti").translate(GLYPHS)
    return re.sub(r"(?m)^\.", r"\\&.", text)


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


def command_pages(command):
    """Return the pages of section 1, by name: hermes, and one for each of its commands."""
    tree = json.loads(told(command, "docs"))
    root, version = tree["command"], tree["version"]
    codes = items((str(code["code"]), prose(code["meaning"] + ".")) for code in tree["exit_codes"])
    status = f"{codes}\n.PP\n{prose(tree['exit_note'])}\n"
    pages = {"hermes": overview_of_commands(command, tree, status)}
    for one in root["commands"]:
        name = one["name"].replace(" ", "-")
        pages[name] = command_page(name, one, version, status)
    return pages


def overview_of_commands(command, tree, status):
    """Return hermes(1): what there is, and the options of --set."""
    root, listed = tree["command"], []
    for group in tree["groups"]:
        members = [one for one in root["commands"] if one["group"] == group]
        if members:
            pairs = [(reference(one), sentence(one)) for one in members]
            listed.append(f".SS {group}\n{items(pairs)}")
    options = [f".SS of a {kind}\n{listed}" for kind, listed in options_of(command)]
    return page(
        "hermes",
        1,
        tree["version"],
        [
            ("NAME", f"hermes \\- {plain(root['short'])}"),
            ("SYNOPSIS", "\\fBhermes\\fP \\fICOMMAND\\fP [\\fIflags\\fP] [\\fIarguments\\fP]"),
            ("DESCRIPTION", paragraphs(root["long"])),
            ("COMMANDS", "\n".join(listed)),
            ("OPTIONS FOR \\-\\-set", "\n".join(options)),
            ("EXIT STATUS", status),
            ("SEE ALSO", ",\n".join([*map(reference, root["commands"]), "\\fBhermes\\fP(3)"])),
        ],
    )


def command_page(name, one, version, status):
    """Return the page of one command, with those below it."""
    below = "\n".join(
        f".SS {plain(inner['name'])}\n{synopsis(inner)}\n.PP\n{about(inner)}\n{flags(inner)}"
        for inner in one["commands"]
    )
    examples = [inner["example"] for inner in [one, *one["commands"]] if inner["example"]]
    used = one["commands"] or [one]
    return page(
        name,
        1,
        version,
        [
            ("NAME", f"{name} \\- {plain(one['short'])}"),
            ("SYNOPSIS", "\n.br\n".join(map(synopsis, used))),
            ("DESCRIPTION", about(one)),
            ("COMMANDS", below),
            ("OPTIONS", flags(one)),
            ("EXAMPLES", "\n.PP\n".join(map(verbatim, dict.fromkeys(examples)))),
            ("EXIT STATUS", status),
            ("SEE ALSO", "\\fBhermes\\fP(1)"),
        ],
    )


def reference(one):
    """Return how one page names that of a command."""
    return f"\\fB{plain(one['name'].replace(' ', '-'))}\\fP(1)"


def synopsis(one):
    """Return the usage of a command, with its words bold and its arguments italic."""
    arguments = plain(one["usage"].removeprefix(one["name"]).strip())
    shown = re.sub(r"([A-Z]{2,})", r"\\fI\1\\fP", arguments)
    return f"\\fB{plain(one['name'])}\\fP {shown}".rstrip()


def sentence(one):
    """Return the short text of a command as a sentence."""
    return prose(f"{one['short'][0].upper()}{one['short'][1:]}.")


def about(one):
    """Return what a command does."""
    return paragraphs(one["long"]) if one["long"] else sentence(one)


def paragraphs(text):
    """Return a text of paragraphs, of which those that are indented stay as they are."""
    parts = []
    for part in text.strip().split("\n\n"):
        indented = all(line.startswith("  ") for line in part.split("\n"))
        parts.append(verbatim(part) if indented else prose(part))
    return "\n.PP\n".join(parts)


def flags(one):
    """Return the flags of a command, as a list."""
    pairs = []
    for flag in one["flags"]:
        short = f"\\fB\\-{flag['shorthand']}\\fP, " if flag["shorthand"] else ""
        value = f" \\fI{plain(flag['value'])}\\fP" if flag["value"] else ""
        default = f" (default {flag['default']})" if flag["default"] else ""
        term = f"{short}\\fB\\-\\-{plain(flag['name'])}\\fP{value}"
        pairs.append((term, prose(flag["usage"] + default)))
    return items(pairs)


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
        "man3/hermes.3": overview(source, version),
    }
    for name, text in command_pages(pathlib.Path(command).resolve()).items():
        pages[f"man1/{name}.1"] = text
    for function in header.functions(source):
        pages[f"man3/{function.name}.3"] = function_page(function, errors, version)
    for name, text in pages.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
