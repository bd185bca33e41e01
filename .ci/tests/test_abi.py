"""capi/abi.txt is kept: by the header and by the library, and changes that break it are refused."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".ci"))

import abi  # noqa: E402
import header  # noqa: E402

LIST = abi.LIST.read_text()
ADDITION = """
/** Says hello. @since 2.1 */
HERMES_API int hermes_hello(uint64_t handle);
"""


def changed(old, new, source=None):
    """Return the header with something else in it."""
    source = source or header.read()
    assert source.count(old) == 1, old
    return source.replace(old, new)


def at_version(number, source=None):
    """Return the header with another HERMES_ABI_VERSION."""
    source = source or header.read()
    return re.sub(r"(?m)^(#define HERMES_ABI_VERSION) \d+$", rf"\1 {number}", source)


def grown(source):
    """Return the header with one more function."""
    return source.replace("#endif /* HERMES_H */", ADDITION + "#endif /* HERMES_H */")


def released():
    """Return the version up to which nothing can be added."""
    return abi.promised(LIST)[0]


def test_the_list_is_what_the_header_has():
    assert abi.grown(LIST, header.read()) == LIST
    assert len(abi.functions(LIST)) >= 40


def test_the_library_exports_the_list_and_nothing_else():
    assert abi.exported(ROOT / "build/libhermes.so.2") == abi.functions(LIST)


def test_a_library_that_exports_something_else_is_found_out(tmp_path):
    (tmp_path / "other.c").write_text("int hermes_fd(void) { return 0; }\n")
    other = tmp_path / "other.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-shared", "-fPIC", tmp_path / "other.c", "-o", other], check=True)
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/abi.py", "--library", other], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "hermes_publish" in done.stderr


def compiled(program, folder, include):
    """Compile the program that repeats the list; return what the compiler had to say."""
    compiler = os.environ.get("CC", "cc")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{include}"]
    (folder / "promised.c").write_text(program)
    return subprocess.run([compiler, *flags, folder / "promised.c"], capture_output=True, text=True)


def test_a_compiler_agrees_with_the_list(tmp_path):
    done = compiled(abi.program(LIST), tmp_path, ROOT / "include")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("int hermes_fd(uint64_t handle)", "int hermes_fd(uint32_t handle)", "hermes_fd"),
        ("#define HERMES_EIO (-18)", "#define HERMES_EIO (-19)", "HERMES_EIO"),
        ("typedef struct hermes_batch", "typedef const struct hermes_batch", "hermes_batch"),
    ],
)
def test_a_compiler_sees_a_change(old, new, complaint, tmp_path):
    (tmp_path / "hermes.h").write_text(changed(old, new))
    done = compiled(abi.program(LIST), tmp_path, tmp_path)
    assert done.returncode != 0
    assert complaint in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("hermes_fd(uint64_t handle)", "hermes_fd(uint32_t handle)", "hermes_fd"),
        ("hermes_batch_free(hermes_batch", "hermes_batch_release(hermes_batch", "_batch_free"),
        ("#define HERMES_EIO (-18)", "#define HERMES_EIO (-19)", "HERMES_EIO"),
        ("#define HERMES_FOREVER (-1)\n", "", "HERMES_FOREVER"),
        ("typedef struct hermes_batch hermes_batch;", "", "hermes_batch"),
        ('"2.0.0". Static; never fails. @since 2.0', "x. @since 2.1", "hermes_version_string"),
    ],
)
def test_what_was_promised_cannot_go_or_change(old, new, named):
    with pytest.raises(abi.Broken, match=f"changed or lost .*{named}"):
        abi.grown(LIST, changed(old, new))
    with pytest.raises(abi.Broken, match=f"changed or lost .*{named}"):  # in any version
        abi.grown(LIST, at_version(99, changed(old, new)))


def test_an_addition_needs_a_version_that_is_not_released():
    version = abi.offered(header.read())[0]
    sealed = abi.written(version, abi.promised(LIST)[1])
    assert abi.grown(sealed, header.read()) == sealed
    with pytest.raises(abi.Broken, match=f"must be above {version}: int hermes_hello"):
        abi.grown(sealed, grown(header.read()))


def test_an_addition_under_a_new_version_is_listed_with_it():
    version = released() + 7
    after = abi.grown(LIST, at_version(version, grown(header.read())))
    assert f"\n{version}  2.1  int hermes_hello(uint64_t handle);\n" in after
    assert set(LIST.splitlines()) < set(after.splitlines())
    assert abi.grown(after, at_version(version, grown(header.read()))) == after


def test_the_version_is_never_lowered():
    version = released() + 7
    after = abi.grown(LIST, at_version(version, grown(header.read())))
    with pytest.raises(abi.Broken, match="lowered"):
        abi.grown(after, at_version(version - 1, grown(header.read())))


def test_an_addition_says_since_when_and_what():
    version = released() + 7
    with pytest.raises(abi.Broken, match=r"since when there is hermes_hello"):
        abi.grown(LIST, at_version(version, grown(header.read()).replace(" @since 2.1", "")))
    with pytest.raises(abi.Broken, match=r"without a description.*hermes_hello"):
        abi.grown(
            LIST,
            at_version(version, grown(header.read()).replace("/** Says hello. @since 2.1 */", "")),
        )
