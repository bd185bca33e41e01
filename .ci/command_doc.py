"""Writes docs/command.md from what the command says of itself: command_doc.py COMMAND [--check].

COMMAND is the built hermes command. docs/tests runs it with --check, and all examples of the page.
"""

import json
import pathlib
import re
import subprocess
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "command.md"

INTRODUCTION = """\
<!-- Made by .ci/command_doc.py of what the command says of itself; `make format` writes it. -->
# The command

{about}

The examples on this page run on one machine, beside a post office, a program that publishes a price
every 50 ms, and one that receives all:

```sh background
hermes postoffice --in tcp://127.0.0.1:6000 --out tcp://127.0.0.1:6001 >/dev/null &
hermes sub --name screen --set stats.interval=1s --set stats.address=tcp://127.0.0.1:6000 \\
    tcp://127.0.0.1:6001 >/dev/null &
hermes pub --every 50ms --template tcp://127.0.0.1:6000 \\
    ticks/EURUSD '{{"price": {{{{random 1.07 1.09}}}}}}'
```
"""


def rendered(command):
    """Return the page."""
    said = subprocess.run([command, "docs"], stdout=subprocess.PIPE, text=True, check=True).stdout
    tree = json.loads(said)
    root = tree["command"]
    codes = "".join(f"| {code['code']} | {code['meaning']} |\n" for code in tree["exit_codes"])
    out = [
        INTRODUCTION.format(about=prose(root["long"])),
        f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n{prose(tree['exit_note'])}\n",
    ]
    for group in tree["groups"]:
        members = [one for one in root["commands"] if one["group"] == group]
        out += [f"## {group}\n"] if members else []
        for one in members:
            out += section(one, "###")
    return "\n".join(out)


def section(command, level):
    """Return the parts of the page about one command, and those below it."""
    text = f"{level} {command['name']}\n\n{prose(command['long'] or sentence(command['short']))}\n"
    if not command["commands"]:
        text += f"\n```text\n{command['usage']}\n```\n"
    if command["flags"]:
        rows = "".join(flag(one) for one in command["flags"])
        text += f"\n| flag | default | meaning |\n|---|---|---|\n{rows}"
    if command["example"]:
        mark = f"<!-- {command['ends']} -->\n" if command["ends"] else ""
        text += f"\n{mark}```sh\n{command['example']}\n```\n"
    out = [text]
    for one in command["commands"]:
        out += section(one, level + "#")
    return out


def flag(one):
    """Return the row of a flag."""
    name = f"--{one['name']}" + (f" {one['value']}" if one["value"] else "")
    short = f"`-{one['shorthand']}`, " if one["shorthand"] else ""
    default = f"`{one['default']}`" if one["default"] else ""
    return f"| {short}`{name}` | {default} | {cell(one['usage'])} |\n"


def sentence(text):
    """Return a text as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def cell(text):
    """Return a text as a cell of a table."""
    return prose(text).replace("|", "\\|").replace("\n", " ")


def prose(text):
    """Return a text in which the names of flags, files and the like are set off."""
    text = re.sub(r"(?<![\w`-])(--[a-z][\w-]*)", r"`\1`", text)
    text = re.sub(r"(?<![\w`])([\w/$]*\*|\$\w[\w/.$]*)(?!`)", r"`\1`", text)
    return re.sub(r"(?m)^(  .*)$", r"  \1", text)  # an indented line is code


def main():
    """Write the page, or compare."""
    made = rendered(pathlib.Path(sys.argv[1]).resolve())
    if "--check" not in sys.argv[2:]:
        DOCUMENT.write_text(made)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != made:
        sys.exit("docs/command.md is not what the command says of itself; run: make format")


if __name__ == "__main__":
    main()
