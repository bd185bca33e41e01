"""The package for the JVM works by itself: a jar, JNA beside it, and nothing of the checkout."""

import os
import shutil
import subprocess
import zipfile

import pytest
from conftest import PATIENCE, ROOT

PROGRAM = """
import io.github.hermeszmq.*;
import java.nio.file.*;
import java.time.Duration;

class Program {
    public static void main(String[] args) throws Exception {
        try (var office = new PostOffice(args[0], args[1]);
                var receiver = new Receiver(args[1], "screen", "ticks/");
                var publisher = new Publisher(args[0], "exchange")) {
            office.start();
            receiver.start();
            publisher.start();
            publisher.publish("ticks/BTCUSD", "{\\"price\\": 42000}");
            System.out.println(receiver.receive(Duration.ofSeconds(60)).orElseThrow().data());
        }
        for (String line : Files.readAllLines(Path.of("/proc/self/maps")))
            if (line.contains("/libhermes") || line.contains("/libzmq"))
                System.out.println(line.substring(line.indexOf('/')));
    }
}
"""


@pytest.fixture(scope="module")
def packages():
    """Make the package; return the folder of its files by the kind of each."""
    # With the environment of the tests, the machine's own library would be taken.
    done = subprocess.run(
        [ROOT / "bindings/java/package", "package"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        path.name.removeprefix("hermes-zmq-"): path for path in (ROOT / "dist").glob("hermes-zmq-*")
    }


def run(packages, folder, *arguments):
    """Run the program with the jar and JNA alone; return how it ended."""
    (jna,) = (ROOT / "build/bindings/java/target/lib").glob("jna-*.jar")
    (jar,) = (
        path for kind, path in packages.items() if kind.count("-") == 0 and kind.endswith(".jar")
    )
    shutil.copy(jar, folder / "hermes.jar")  # where no checkout is around it
    (folder / "Program.java").write_text(PROGRAM)
    addresses = [f"ipc://{folder}/in", f"ipc://{folder}/out"]
    command = ["java", *arguments, "-cp", f"{folder}/hermes.jar:{jna}", "Program.java", *addresses]
    outside = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
    return subprocess.run(
        command, cwd=folder, env=outside, capture_output=True, text=True, timeout=PATIENCE
    )


def test_the_jar_works_alone_and_leaves_nothing_behind(packages, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(packages, tmp_path, f"-Djava.io.tmpdir={temporary}")
    assert done.returncode == 0, done.stderr
    data, *loaded = done.stdout.splitlines()
    assert data == '{"price": 42000}'
    assert loaded and all(path.startswith(f"{temporary}/hermes-zmq") for path in loaded)
    assert not any("/libzmq" in path for path in loaded)  # it is inside
    assert not list(temporary.glob("hermes-zmq*"))


def test_a_folder_for_temporary_files_that_cannot_be_used_is_named(packages, tmp_path):
    done = run(packages, tmp_path, f"-Djava.io.tmpdir={tmp_path}/missing", "-Djna.tmpdir=/tmp")
    assert done.returncode != 0
    assert "the library inside the jar" in done.stderr
    assert f"{tmp_path}/missing" in done.stderr


def test_licences_sources_javadoc_and_a_whole_pom_come_along(packages):
    kinds = {kind.partition("-")[2] or kind.rpartition(".")[2] for kind in packages}
    assert {"jar", "sources.jar", "javadoc.jar", "pom"} <= kinds
    names = {}
    for kind, path in packages.items():
        if path.suffix == ".jar":
            names[kind.partition("-")[2]] = zipfile.ZipFile(path).namelist()
    assert "META-INF/LICENSE" in names[""]
    assert any(name.startswith("META-INF/licences/libzmq") for name in names[""])
    assert "io/github/hermeszmq/Receiver.java" in names["sources.jar"]
    assert any(name.endswith("/Receiver.html") for name in names["javadoc.jar"])
    (pom,) = (path.read_text() for path in packages.values() if path.suffix == ".pom")
    for wanted in ("<url>", "<licenses>", "<developers>", "<scm>", "<connection>"):
        assert wanted in pom, wanted
