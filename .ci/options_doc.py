"""Writes the tables of docs/configuration.md from what the code says: options_doc.py COMMAND.

COMMAND is the built hermes command. docs/tests compares the two.
"""

import pathlib
import re
import subprocess
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
BEGIN, END = "<!-- begin: hermes options markdown -->\n", "<!-- end -->\n"

made = subprocess.run(
    [sys.argv[1], "options", "markdown"], stdout=subprocess.PIPE, text=True, check=True
)
source = DOCUMENT.read_text()
tables = BEGIN + "\n" + made.stdout + END
DOCUMENT.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: tables, source, flags=re.DOTALL))
