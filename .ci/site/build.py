"""Builds the documentation site into build/site: gathers its pages and calls mkdocs.

Pages live where they belong in the repository, and link to each other and to source files
by paths. In the site each has a place of its own: a link to another page is pointed at
that page's place, and a link to a file that is no page at the file in the repository.
"""

import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGES = ROOT / "build" / "pages"
REPOSITORY = "https://github.com/hermes-zmq/hermes/blob/main/"

# Files outside docs/ that are pages, and their places.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "bench/README.md": "bench.md",
    "python/README.md": "bindings/python.md",
    "bindings/cpp/README.md": "bindings/cpp.md",
    "bindings/go/README.md": "bindings/go.md",
    "bindings/java/README.md": "bindings/java.md",
    "bindings/node/README.md": "bindings/node.md",
    "bindings/rust/README.md": "bindings/rust.md",
}

PYTHON_REFERENCE = """\
# Python

The module `hermes`. Everything that is not listed here is private.

::: hermes
    options:
      show_root_heading: false
      members: true

## Exceptions

::: hermes.errors
    options:
      show_root_heading: false
      heading_level: 3

## Default addresses

::: hermes.config
    options:
      show_root_heading: false
      heading_level: 3

## Types of options, events and counters

For annotations only; the names are in `hermes._typing`.

::: hermes._typing
    options:
      show_root_heading: false
      heading_level: 3
"""


def places() -> dict[str, str]:
    """Return where each page and picture of the repository is in the site."""
    found = dict(ELSEWHERE)
    for file in sorted((ROOT / "docs").rglob("*")):
        if file.suffix in (".md", ".svg"):
            found[file.relative_to(ROOT).as_posix()] = file.relative_to(ROOT / "docs").as_posix()
    return found


def pointed(target: str, source: str, place: str, where: dict[str, str]) -> str:
    """Return a link of the file source as it must read at its place in the site."""
    path, _, anchor = target.partition("#")
    if "://" in target or not path or target.startswith("mailto:"):
        return target
    file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if not (ROOT / file).exists():
        sys.exit(f"{source} links to {target}, which does not exist")
    if file not in where:
        return REPOSITORY + file + ("#" + anchor if anchor else "")
    relative = posixpath.relpath(where[file], posixpath.dirname(place) or ".")
    return relative + ("#" + anchor if anchor else "")


def moved(text: str, source: str, place: str, where: dict[str, str]) -> str:
    """Return a page with its links pointed at the site, outside of code."""

    def repoint(match: re.Match[str]) -> str:
        return match[1] + pointed(match[2], source, place, where) + match[3]

    parts = re.split(r"(?ms)(^```.*?^```$)", text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"(\]\()([^)\s]+)(\))", repoint, parts[i])
        parts[i] = re.sub(r'(\b(?:src|srcset)=")([^"]+)(")', repoint, parts[i])
    # The kinds of fence that only the tests of the documents know are plain programs here.
    return re.sub(r"(?m)^```(\w+) [a-z ]+$", r"```\1", "".join(parts))


def gather() -> None:
    """Copy all pages to their places."""
    shutil.rmtree(PAGES, ignore_errors=True)
    where = places()
    for source, place in where.items():
        target = PAGES / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".md":
            target.write_text(moved((ROOT / source).read_text(), source, place, where))
        else:
            shutil.copyfile(ROOT / source, target)
    reference = PAGES / "reference"
    reference.mkdir()
    (reference / "python.md").write_text(PYTHON_REFERENCE)
    go = ["go", "run", HERE / "godoc.go", "core"]
    printed = subprocess.run(go, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    (reference / "go.md").write_text(printed)


def main() -> None:
    """Gather the pages, and build the site of them."""
    gather()
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    code = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", HERE / "mkdocs.yml"],
        cwd=ROOT,
        env=environment,
    ).returncode
    if code != 0:
        sys.exit(code)
    print("build/site/index.html")


if __name__ == "__main__":
    main()
