"""The Containerfile: its last stage is made in a folder, which is the root of what runs there.

There is no container runtime in this test. It takes the steps of the file one by one, and refuses
any that it does not know. With CONTAINER_BUILD=1 the program is built as the file says, which
takes minutes; without, the one of build/ is taken, and the libraries that it needs beside it.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOON = 120  # seconds until something is called broken


def steps():
    """Return the stages of the Containerfile: lists of an instruction and its text."""
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Containerfile").read_text())
    stages = []
    for line in filter(None, text.replace("\\\n", " ").splitlines()):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            stages.append([])
        stages[-1].append((instruction, rest.strip()))
    return stages


def build_stage(stage, folder):
    """Take the steps of the first stage; what it makes at / is made in a folder."""
    for instruction, text in stage:
        if instruction == "RUN" and "go build" in text and os.environ.get("CONTAINER_BUILD"):
            command = text.replace(" -o /hermes ", f" -o {folder}/hermes ")
            subprocess.run(command, shell=True, cwd=ROOT, check=True)
        elif instruction == "RUN" and "go build" in text:
            copy_with_libraries(ROOT / "build/hermes", folder)
        elif instruction == "RUN":
            assert text == "mkdir /data", text
            (folder / "data").mkdir()
        else:
            assert instruction in ("FROM", "WORKDIR", "COPY"), instruction
    authorities = folder / "etc/ssl/certs/ca-certificates.crt"  # that of the image golang
    authorities.parent.mkdir(parents=True)
    authorities.write_text("")


def copy_with_libraries(program, folder):
    """Copy a program, and the shared libraries that it needs."""
    shutil.copy(program, folder / "hermes")
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for path in re.findall(r"(/\S+) \(", listed):
        to = folder / "libraries" / path[1:]
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Make the image: a folder, and what is to be run in it."""
    built, root = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("root")
    first, last = steps()
    build_stage(first, built)
    if (built / "libraries").exists():
        shutil.copytree(built / "libraries", root, dirs_exist_ok=True)
    root.chmod(0o755)
    settings = {"ENV": {}}
    for instruction, text in last:
        words = shlex.split(text)
        if instruction == "COPY":
            options = [word for word in words if word.startswith("--")]
            source, target = (word for word in words if not word.startswith("--"))
            base = built if "--from=build" in options else ROOT
            copy(base / source.lstrip("/"), root / target.lstrip("/"))
            owner = [o.partition("=")[2] for o in options if o.startswith("--chown=")]
            if owner and os.geteuid() == 0:
                os.chown(root / target.lstrip("/"), *map(int, owner[0].split(":")))
        elif instruction == "ENV":
            settings["ENV"] = dict(word.split("=", 1) for word in words)
        elif instruction == "HEALTHCHECK":
            settings[instruction] = json.loads(text.partition("CMD ")[2])
        elif instruction in ("ENTRYPOINT", "CMD"):
            settings[instruction] = json.loads(text)
        else:
            settings[instruction] = text
    return root, settings


def copy(source, target):
    """Copy a file or a folder as COPY does."""
    assert source.exists(), source
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def inside(image, command):
    """Return how to run a command in the image as its user."""
    root, settings = image
    if os.geteuid() == 0:
        enter = ["chroot", f"--userspec={settings['USER']}", root]
    else:  # in a user namespace, with no rights outside of it
        enter = ["unshare", "--user", "--map-root-user", f"--root={root}"]
    return [*enter, "/hermes" if command[0] == "hermes" else command[0], *command[1:]]


def test_it_runs_without_rights(image):
    _, settings = image
    assert settings["FROM"] == "scratch"
    assert settings["USER"] == "65532:65532"
    assert settings["STOPSIGNAL"] == "SIGTERM"
    assert settings["VOLUME"] == settings["WORKDIR"] == "/data"


def test_it_has_what_it_needs_and_nothing_else(image):
    root, _ = image
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    ours = {path for path in files if not re.match(r"(usr/)?lib", path)}
    assert ours == {"hermes", "etc/hermes/postoffice.toml", "etc/ssl/certs/ca-certificates.crt"}
    if os.environ.get("CONTAINER_BUILD"):
        assert ours == files, "it is one static program"


def test_a_post_office_runs_in_it_and_says_that_it_is_healthy(image):
    root, settings = image
    taken = free_ports()
    (root / "etc/hermes/postoffice.toml").write_text(
        (ROOT / "cmd/hermes/service/container.toml").read_text()
        .replace("6000", str(taken[0])).replace("6001", str(taken[1]))
    )  # fmt: skip
    environment = settings["ENV"]
    sick = subprocess.run(
        inside(image, settings["HEALTHCHECK"]), env=path_and(environment), timeout=SOON
    )
    assert sick.returncode == 1
    office = subprocess.Popen(
        inside(image, settings["ENTRYPOINT"] + settings["CMD"]),
        env=path_and(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with contextlib.ExitStack() as ending:
        ending.callback(office.kill)
        assert f'"in":"tcp://0.0.0.0:{taken[0]}"' in office.stdout.readline()
        check = inside(image, settings["HEALTHCHECK"])
        well = subprocess.run(check, env=path_and(environment), timeout=SOON)
        assert well.returncode == 0
        office.send_signal(getattr(signal, settings["STOPSIGNAL"]))
        _, log = office.communicate(timeout=SOON)
        assert office.returncode == 0
        assert json.loads(log.splitlines()[0])["kind"] == "started"


def path_and(environment):
    """Return the environment of a container: that of the image, and what finds chroot here."""
    return {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **environment}


def free_ports():
    """Return two ports that nothing listens at."""
    with socket.create_server(("", 0)) as a, socket.create_server(("", 0)) as b:
        return a.getsockname()[1], b.getsockname()[1]
