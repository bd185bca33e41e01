"""What the documents say is true: programs run, options and links exist."""

import json
import re
import subprocess
import sys

import pytest
from snippets import DOCUMENTS, ROOT, all_snippets, run


@pytest.mark.parametrize("snippet", all_snippets(), ids=str)
def test_snippet(snippet, tmp_path):
    printed = run(snippet, tmp_path)
    if snippet.output is not None:
        assert printed == snippet.output


def test_there_are_snippets():
    found = {snippet.place.partition(":")[0] for snippet in all_snippets()}
    assert {
        f"docs/{name}.md" for name in ("guide", "migration", "embedding", "troubleshooting")
    } <= found
    assert {"README.md", "bindings/go/README.md", "bindings/cpp/README.md"} <= found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(document):
    """Return the anchors that a document's headings make."""
    headings = re.findall(r"(?m)^#+ (.+)$", document.read_text())
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def test_the_tables_of_options_are_those_of_the_code():
    made = subprocess.run(
        [ROOT / "build/hermes", "options", "markdown"], capture_output=True, text=True, check=True
    )
    document = (ROOT / "docs/configuration.md").read_text()
    begin, end = "<!-- begin: hermes options markdown -->", "<!-- end -->"
    written = document[document.index(begin) + len(begin) : document.index(end)]
    assert written.strip() == made.stdout.strip(), "make format writes it"


def test_the_page_of_the_command_is_what_the_command_says():
    subprocess.run(
        [sys.executable, ROOT / ".ci/command_doc.py", ROOT / "build/hermes", "--check"], check=True
    )


def test_every_command_has_an_example():
    made = subprocess.run([ROOT / "build/hermes", "docs"], capture_output=True, check=True)
    commands = [json.loads(made.stdout)["command"]]
    for one in commands:
        commands += one["commands"]
        assert one["commands"] or one["example"], one["name"]


def test_every_counter_is_explained(tmp_path):
    import hermes

    addresses = [f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/out"]
    with hermes.PostOffice(*addresses) as office:
        with hermes.Receiver(addresses[1], "r") as receiver:
            with hermes.Publisher(addresses[0], "p") as publisher:
                assert publisher.wait_ready(60)
                stats = [office.stats(), receiver.stats(), publisher.stats()]
    counters = {*stats[0], *stats[1], *stats[2], *stats[2]["peers"][0]}
    listed = (ROOT / "docs/counters.md").read_text()
    assert [name for name in sorted(counters) if f"`{name}`" not in listed] == []


def test_everything_that_was_fixed_is_in_the_migration_guide():
    contract = (ROOT / "python/tests/data/contract.txt").read_text()
    fixed = re.findall(r"(?m)^([\w-]+) .*\bfixed\b", contract)
    guide = (ROOT / "docs/migration.md").read_text()
    assert fixed
    assert [name for name in fixed if f"`{name}`" not in guide] == []


def test_every_fault_has_a_test_that_exists():
    rows = re.findall(
        r"(?m)^\|(?! *(?:fault|---)).*\|$", (ROOT / "docs/reliability.md").read_text()
    )
    assert len(rows) > 20
    for row in rows:
        places = re.findall(r"`([^`]+\.(?:py|go|c)(?:: \w+)?)`", row.split("|")[-2])
        assert places, row
        for place in places:
            file, _, name = place.partition(": ")
            source = ROOT / file
            assert source.exists(), place
            defined = rf"(?m)^(?:def|func) {name}\b" if name else r"\b(?:[Tt]est|main)"
            assert re.search(defined, source.read_text()), place
