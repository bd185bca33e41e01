"""A plugin for pytest: hermes and libhermes must be those of the installed wheel."""

import pathlib
import re
import sys

import pytest


def mapped():
    """Return the files of libhermes and libzmq that this process has loaded."""
    maps = pathlib.Path("/proc/self/maps").read_text()
    return set(re.findall(r"(?m)\s(/\S*/lib(?:hermes|zmq)[^/\s]*\.so\S*)", maps))


@pytest.fixture(autouse=True, scope="session")
def nothing_of_the_checkout_or_the_system():
    """Look around before the first test, and at what was loaded after the last."""
    import hermes

    home = pathlib.Path(sys.prefix)
    assert home in pathlib.Path(hermes.__file__).parents
    yield
    loaded = mapped()
    assert [path for path in loaded if home not in pathlib.Path(path).parents] == []
    assert any("/hermes/_lib/libhermes.so.2" in path for path in loaded)
