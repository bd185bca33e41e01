"""Finds the snippets in the documents, and runs one.

Every fenced block of the documents that is marked python, c, cpp, go, java, js, rust or sh is
run, as a whole program in an empty folder; it must end by itself, and well. So is one with more
behind the language, such as rust,no_run, if it follows an HTML comment `run`. A block marked
`sh background` is what a reader leaves running in another terminal: all programs of that document
run beside it, and those of others beside nothing, so that they must be whole. Where it is more than
a post office, it is started once for all programs of the document. A block marked text
that follows an HTML comment `output` is what the program before it prints. In a shell block
`make` only looks whether there is such a target, and `pip` and `apt` whether the files are called
so: the tests of the installation run all of them. A block that speaks of pkg-config or CMake
finds hermes installed.

A shell block that follows an HTML comment `interrupt` is one command, which must end well when it
is interrupted after it has printed something.

A shell block that follows an HTML comment `as NAME` may be followed by others with the comment
`after NAME`. Those run in its folder when it is done, while the programs go on that it left in
the background.

A block that follows an HTML comment `locked` (or `run locked`) runs beside a post office that has
keys: once with a key that it knows; and, where it must print why it is refused, once with another,
and once with the wrong key of the post office.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import hermes

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(
        ROOT / name
        for name in (
            "README.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            "SECURITY.md",
            "examples/README.md",
            "python/README.md",
        )
    ),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/design").glob("*.md")),
    *sorted((ROOT / "bindings").glob("*/README.md")),
]
MADE = {"c-api.md"}  # made of the header, whose declarations are not programs
RUN = {"python", "c", "cpp", "go", "java", "js", "rust", "sh"}
PATIENCE = 100  # seconds
NOTHING_CAME, TRIES = 3, 5  # the exit code of the command for that
OFFICE = "hermes postoffice\n"  # in a block `sh background`
PORTS = [*(f"600{n}" for n in range(6)), "4222", "6222", "9600"]  # in the documents
TOOLS = pathlib.Path(sys.executable).parent  # CMake among them

FENCE = re.compile(
    r"(?ms)^(?:<!-- (?P<mark>[^\n]*?) -->\n)?"
    r"```(?P<language>\w*)(?P<more>[^\n]*)\n(?P<text>.*?)^```$"
)


@dataclasses.dataclass
class Snippet:
    """A program in a document."""

    place: str  # such as docs/guide.md:12
    language: str
    text: str
    beside: str = ""  # what the document leaves running meanwhile
    locked: bool = False  # whether it is for a post office with keys
    before: str = ""  # the shell blocks that run before it in the same folder
    interrupt: bool = False  # whether it runs until it is interrupted
    output: str | None = None

    def __str__(self):
        """Name it in the list of tests."""
        return self.place


def snippets_of(document):
    """Return the programs of one document."""
    source = document.read_text()
    found, beside, named = [], "", {}
    for match in FENCE.finditer(source):
        language, text = match["language"], match["text"]
        marks = (match["mark"] or "").split()
        if marks == ["output"]:
            found[-1].output = text
        elif language == "sh" and match["more"] == " background":
            beside = text
        elif language in RUN and (not match["more"] or "run" in marks):
            line = source.count("\n", 0, match.start("text"))
            place = f"{document.relative_to(ROOT)}:{line}"
            value = dict(zip(marks[::2], marks[1::2]))
            before = named[value["after"]] if "after" in value else ""
            found.append(
                Snippet(
                    place, language, text, beside, "locked" in marks, before, "interrupt" in marks
                )
            )
            if "as" in value:
                named[value["as"]] = before + text
    return found


def all_snippets():
    """Return the programs of all documents."""
    documents = [document for document in DOCUMENTS if document.name not in MADE]
    return [snippet for document in documents for snippet in snippets_of(document)]


def own_ports(count):
    """Return numbers of free ports that the system gives to no program by itself (ip(7))."""
    # Another run of these tests begins elsewhere.
    for first in range(10_000 + os.getpid() % 1000 * 16, 30_000, 16):
        ports = list(range(first, first + count))
        with contextlib.suppress(OSError), contextlib.ExitStack() as sockets:
            for port in ports:
                sockets.enter_context(socket.create_server(("", port)))
            return ports
    raise AssertionError("there are no free ports")


def run(snippet, folder):
    """Run a snippet in an empty folder; return what it printed."""
    ports = dict(zip(PORTS, own_ports(len(PORTS))))
    if snippet.beside not in ("", OFFICE):
        ports |= running(snippet.beside)

    def elsewhere(text):
        return moved(text, ports)

    text = elsewhere(snippet.text)
    with contextlib.ExitStack() as around:
        if snippet.beside == OFFICE:  # at the ports of this run
            addresses = [f"tcp://127.0.0.1:{ports[written]}" for written in PORTS[:2]]
            around.enter_context(hermes.PostOffice(*addresses))
        if snippet.locked:
            around.enter_context(locked_office(ports, folder))
        more = installed() if re.search(r"pkg-config|\bcmake\b", text) else {}
        command = PREPARE[snippet.language](text, folder)
        if snippet.before:
            earlier = prepare_sh(elsewhere(snippet.before), folder)[-1]
            both = f"{{\n{earlier}}} >before.txt 2>&1\n{shlex.join(map(str, command))}"
            command = [*SHELL, both]
        printed = finish(command, folder, more, snippet.interrupt)
        if snippet.locked:
            see_refusals(command, folder)
    for written, port in ports.items():
        printed = re.sub(rf"\b{port}\b", written, printed)
    return printed


def moved(text, ports):
    """Return a text with the ports that the documents write replaced by others."""
    return re.sub(rf"\b({'|'.join(PORTS)})\b", lambda match: str(ports[match[1]]), text)


@functools.cache
def running(text):
    """Start what runs beside all programs of a document; return the ports of its post office."""
    ports = dict(zip(PORTS, own_ports(len(PORTS))))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hermes-docs-"))
    command = prepare_sh(moved(text, ports), folder)
    with open(folder / "stderr", "w") as stderr:
        program = subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )

    def end():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    with hermes.Receiver(f"tcp://127.0.0.1:{ports['6001']}", "docs") as receiver:
        deadline = time.monotonic() + PATIENCE
        while receiver.recv(block=True, timeout=0.1) is None:  # until something is published
            if program.poll() is not None or time.monotonic() > deadline:
                complaint = (folder / "stderr").read_text()
                end()
                raise AssertionError(complaint)
    return {port: ports[port] for port in PORTS[:2]}


def locked_office(ports, folder):
    """Return a post office that knows one key of those that are made in a folder."""
    for name in ("office", "screen", "unknown"):
        command = [ROOT / "build/hermes", "key", "new", folder / name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    secret, clients = folder / "office.key_secret", folder / "screen.key"
    return hermes.PostOffice(
        *(f"tcp://127.0.0.1:{ports[written]}" for written in PORTS[:2]),
        options={"engine": "zmtp", "curve.secret": str(secret), "curve.clients": str(clients)},
    )


def see_refusals(command, folder):
    """Look whether a program says why it is refused."""
    shutil.copy(folder / "unknown.key_secret", folder / "screen.key_secret")
    printed = finish(command, folder, {})
    assert printed.startswith("denied: ") and "is not known" in printed, printed
    shutil.copy(folder / "unknown.key", folder / "office.key")
    printed = finish(command, folder, {})
    assert printed.startswith("not authenticated: ") and "not the one" in printed, printed


def environment_of(folder):
    """Return the environment of the programs in a folder."""
    return {
        **{name: value for name, value in os.environ.items() if name != "HERMES_CONTEXT"},
        "PATH": f"{folder / 'shims'}:{ROOT / 'build'}:{TOOLS}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "python"),
        "HERMES": str(ROOT),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


def interrupted(program, outputs):
    """Interrupt a program once it has printed something."""
    deadline = time.monotonic() + PATIENCE
    while program.poll() is None and not any(os.path.getsize(file.name) for file in outputs):
        assert time.monotonic() < deadline, "it prints nothing"
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGINT)


def finish(command, folder, more, interrupt=False):
    """Run a command to its good end, with more in its environment; return what it printed.

    A machine that is busy may let nothing come in the time that a document gives: then again.
    """
    for _ in range(TRIES):
        code, text, complaint = run_once(command, folder, more, interrupt)
        if code != NOTHING_CAME:
            break
    assert code == 0, text + complaint
    return text


def run_once(command, folder, more, interrupt):
    """Run a command in a folder; return its exit code and what it printed to either side."""
    environment = {**environment_of(folder), **more}
    # In a session of its own, so that what it leaves in the background ends with it; and to
    # files, which no program in the background keeps from ending.
    with open(folder / "stdout", "w+") as printed, open(folder / "stderr", "w+") as complaint:
        program = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=complaint,
            start_new_session=True,
        )
        try:
            if interrupt:
                interrupted(program, (printed, complaint))
            program.wait(timeout=PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        for file in (printed, complaint):
            file.seek(0)
        return program.returncode, printed.read(), complaint.read()


def prepare_python(text, folder):
    """Return the command that runs a Python program."""
    (folder / "program.py").write_text(text)
    return [sys.executable, "program.py"]


def prepare_c(text, folder):
    """Return the command that runs a C program, once it is compiled."""
    (folder / "program.c").write_text(text)
    more = flags_of("libuv") if "<uv.h>" in text else []
    return compiled([os.environ.get("CC", "cc"), "-std=c99", "program.c"], folder, more)


def prepare_cpp(text, folder):
    """Return the command that runs a C++ program, once it is compiled."""
    (folder / "program.cpp").write_text(text)
    headers = f"-I{ROOT / 'bindings/cpp'}"
    return compiled([os.environ.get("CXX", "c++"), "-std=c++17", headers, "program.cpp"], folder)


def compiled(command, folder, more=()):
    """Compile a program with the command that its language asks for; return how to run it."""
    strict = ["-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{ROOT / 'include'}"]
    library = [f"-L{ROOT / 'build'}", "-lhermes", f"-Wl,-rpath,{ROOT / 'build'}", "-pthread"]
    subprocess.run([*command, *strict, *library, *more, "-o", "program"], cwd=folder, check=True)
    return ["./program"]


def flags_of(package):
    """Return what pkg-config says to compile and link with."""
    command = ["pkg-config", "--cflags", "--libs", package]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def prepare_go(text, folder):
    """Return the command that runs a Go program, once it is compiled inside our module."""
    place = ROOT / "build" / "_snippets" / folder.name  # an underscore: not in ./...
    place.mkdir(parents=True, exist_ok=True)
    (place / "main.go").write_text(text)
    subprocess.run(
        ["go", "build", "-o", folder / "program", f"./{place.relative_to(ROOT)}"],
        cwd=ROOT,
        check=True,
    )
    return ["./program"]


def prepare_js(text, folder):
    """Return the command that runs an ES module, which finds our package."""
    subprocess.run([ROOT / "bindings/node/build"], check=True)
    (folder / "node_modules").mkdir()
    (folder / "node_modules/hermes-zmq").symlink_to(ROOT / "bindings/node")
    (folder / "program.mjs").write_text(text)
    return ["node", "program.mjs"]


def prepare_java(text, folder):
    """Return the command that compiles and runs a Java program with our package."""
    subprocess.run([ROOT / "bindings/java/build"], check=True)
    (folder / "Program.java").write_text(text)
    compiled = ROOT / "build/bindings/java/target"
    library = f"-Dhermes.library={ROOT / 'build/libhermes.so.2'}"
    return ["java", library, "-cp", f"{compiled}/classes:{compiled}/lib/*", "Program.java"]


CARGO = """
[package]
name = "program"
version = "0.0.0"
edition = "2021"

[dependencies]
hermes = {{ path = "{root}/bindings/rust/hermes", features = ["tokio"] }}
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"
tokio = {{ version = "1", features = ["macros", "rt", "time"] }}
"""


def prepare_rust(text, folder):
    """Return the command that runs a Rust program, once it is compiled with our crates."""
    (folder / "Cargo.toml").write_text(CARGO.format(root=ROOT))
    (folder / "Cargo.lock").write_text((ROOT / "bindings/rust/Cargo.lock").read_text())
    (folder / "src").mkdir()
    (folder / "src/main.rs").write_text(text)
    build = ROOT / "build"
    more = {"CARGO_TARGET_DIR": str(build / "rust-snippets"), "HERMES_LIB_DIR": str(build)}
    command = ["cargo", "build", "--quiet"]
    subprocess.run(command, cwd=folder, env={**os.environ, **more}, check=True)
    (build / "rust-snippets/debug/program").rename(folder / "program")
    return ["env", f"LD_LIBRARY_PATH={build}", "./program"]


SHELL = ("bash", "-eu", "-o", "pipefail", "-c")

SHIMS = {
    "make": 'exec "{make}" -s -n -C "{root}" "$@" >/dev/null',
    "pip": """case "$*" in
        "install -U --no-index --find-links dist hermes-zmq") ;;
        "install dist/hermes_zmq-*.tar.gz") ;;
        *) exit 1 ;;
    esac""",
    "sudo": 'exec "$@"',
    "apt": '[ "$*" = "install ./dist/*.deb" ]',
    # Of these only the units, and what is built, are looked at.
    "systemctl": """case "$1" in
        enable|disable|start|stop|reload|restart|status|edit) ;;
        *) exit 1 ;;
    esac
    shift
    for unit do case "$unit" in
        --now) ;;
        *.socket|*.service) [ -e "{root}/cmd/hermes/service/$unit" ] || exit 1 ;;
        *) [ -e "{root}/cmd/hermes/service/$unit.service" ] || exit 1 ;;
    esac; done""",
    "journalctl": """[ "$1" = -u ] && [ -e "{root}/cmd/hermes/service/$2.service" ]""",
    "podman": """case "$1" in
        build) [ "$*" = "build -t hermes ." ] && [ -e "{root}/Containerfile" ] ;;
        run) for last; do :; done; [ "$last" = hermes ] ;;
        *) exit 1 ;;
    esac""",
}


@functools.cache
def installed():
    """Install hermes; return the variables by which programs find it."""
    prefix = ROOT / "build" / "_prefix"
    subprocess.run(
        ["make", "-s", "install", f"PREFIX={prefix}"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return {
        "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig"),
        "CMAKE_PREFIX_PATH": str(prefix),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
    }


def prepare_sh(text, folder):
    """Return the command that runs a shell script, with make and pip held back."""
    (folder / "shims").mkdir(exist_ok=True)
    for name, script in SHIMS.items():
        shim = folder / "shims" / name
        make = subprocess.run(["which", "make"], stdout=subprocess.PIPE, text=True, check=True)
        shim.write_text("#!/bin/sh\n" + script.format(make=make.stdout.strip(), root=ROOT) + "\n")
        shim.chmod(0o755)
    return [*SHELL, text]


PREPARE = {
    "python": prepare_python,
    "c": prepare_c,
    "cpp": prepare_cpp,
    "go": prepare_go,
    "java": prepare_java,
    "js": prepare_js,
    "rust": prepare_rust,
    "sh": prepare_sh,
}
