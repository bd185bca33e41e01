"""Checks the sizes of files and functions.

No file has more than 500 lines, no function more than 60 (in Python without its docstring),
core/ no more than 16 source files, and the C of the library outside capi/fast no more than 750
lines of code: these count without comments and empty lines, and without the files that are for
macOS or Windows alone. Generated files, tests and data do
not count. Go is parsed by go/ast and Python by ast; in the other languages a block ends where a
line with its indentation begins with a brace, which holds for code that a formatter has laid
out.

All that is too big is printed, and fails the check.
"""

import ast
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE, FUNCTION, CORE, C = 500, 60, 16, 750

GENERATED = (
    "docs/c-api.md",
    "docs/command.md",
    "bindings/rust/hermes-sys/src/raw.rs",
    "CHANGELOG.md",
)
TESTS = re.compile(
    r"(^|/)(tests?|testdata|adapter|interop|conformance|faults|node_modules)/"
    r"|_test\.go$|(^|/)adapter\.\w+$|(^|/)steps\.\w+$|^bindings/c/"
)
CODE = (".go", ".py", ".c", ".h", ".cpp", ".hpp", ".rs", ".ts", ".mjs", ".java", ".sh", ".md", "")

# What the text before the brace of a function looks like, by language.
BRACED = re.compile(r"^(?!.*=[^()]*\{$)[\w:<>*&~,.\[\]@ ]+\(.*\{$")
FUNCTIONS = {
    ".c": BRACED,
    ".h": BRACED,
    ".cpp": BRACED,
    ".hpp": BRACED,
    ".java": BRACED,
    ".rs": re.compile(r"\bfn \w+"),
    ".ts": re.compile(r"\bfunction\b|=> \{$|^[\w# ]+(<.*>)?\(.*\).*\{$"),
    ".mjs": re.compile(r"\bfunction\b|=> \{$|^[\w# ]+\(.*\).*\{$"),
    ".sh": re.compile(r"^[\w-]+\(\) *\{"),
    "": re.compile(r"^[\w-]+\(\) *\{"),
}
STATEMENT = re.compile(
    r"(if|for|while|switch|else|do|try|catch|namespace|class|struct|enum|union|extern|interface"
    r"|return|synchronized|typedef|template|public class|final class|public final class)\b"
)


def tracked():
    """Return the paths of all files that the limits are for."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for path in listed:
        file = pathlib.PurePosixPath(path)
        counts = file.suffix in CODE and path not in GENERATED and not TESTS.search(path)
        if counts and (ROOT / path).is_file() and (file.suffix or is_script(ROOT / path)):
            yield path


def is_script(path):
    """Report whether a file without a suffix is a program."""
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def functions_of_go(paths):
    """Yield (path, line, name, lines) of each function in Go files."""
    made = subprocess.run(
        ["go", "run", ".ci/functions.go"],
        input="\n".join(paths), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    for path, line, name, lines in re.findall(r"(?m)^(.*):(\d+) (\S+) (\d+)$", made):
        yield path, int(line), name, int(lines)


def functions_of_python(path, source):
    """Yield (path, line, name, lines) of each function in a Python file, docstrings left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield path, node.lineno, node.name, lines


def functions_by_layout(path, source, header):
    """Yield (path, line, name, lines) of each function whose language has braces."""
    begins = {}  # by indentation, the line at which a block may begin
    lines = source.splitlines()
    for number, line in enumerate(lines):
        text = line.strip()
        indentation = len(line) - len(line.lstrip())
        if text.startswith("}"):
            begin = begins.pop(indentation, None)
            name = begin is not None and named(lines[begin:number], header)
            if name:
                yield path, begin + 1, name, number - begin + 1
        elif text and not text.startswith((")", "{", "#", "//", "/*", "*", "]")):
            begins[indentation] = number


def named(lines, header):
    """Return the name of the function that begins here, or None."""
    text = ""
    for line in lines:
        text = (text + " " + line.split("//")[0].strip()).strip()
        if text.endswith("{"):
            break
        if text.endswith((";", "}")):
            return None
    if STATEMENT.match(text) or not header.search(text):
        return None
    name = re.search(r"([\w~#-]+)(<.*>)? *\(", text)
    return name.group(1) if name else "a function"


def too_big():
    """Yield a text for all that exceeds a limit."""
    paths = list(tracked())
    sources = {path: (ROOT / path).read_text() for path in paths}
    for path, source in sources.items():
        if (lines := source.count("\n")) > FILE:
            yield f"{path}: {lines} lines, {FILE} is the limit"
    for path, line, name, lines in all_functions(sources):
        if lines > FUNCTION:
            yield f"{path}:{line}: {name} has {lines} lines, {FUNCTION} is the limit"
    core = [path for path in paths if re.fullmatch(r"core/[^/]+\.go", path)]
    if len(core) > CORE:
        yield f"core/: {len(core)} source files, {CORE} is the limit"
    native = re.compile(r"(capi|internal)/(?!fast/).*(?<!_darwin)(?<!_windows)\.[ch]")
    total = sum(code_of_c(source) for path, source in sources.items() if native.fullmatch(path))
    if total > C:
        yield f"capi/, internal/: {total} lines of C, {C} is the limit"


def code_of_c(source):
    """Return the number of lines that hold more than comments."""
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    return sum(bool(line.strip()) for line in code.splitlines())


def all_functions(sources):
    """Yield (path, line, name, lines) of each function."""
    go = [path for path in sources if path.endswith(".go")]
    assert go, "the limits need a git checkout"
    yield from functions_of_go(go)
    for path, source in sources.items():
        suffix = pathlib.PurePosixPath(path).suffix
        if suffix == ".py" or (not suffix and "python" in source.split("\n", 1)[0]):
            yield from functions_of_python(path, source)
        elif suffix in FUNCTIONS:
            yield from functions_by_layout(path, source, FUNCTIONS[suffix])


def main():
    """Print what is too big; return the exit code."""
    found = list(too_big())
    for text in found:
        print(text)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
