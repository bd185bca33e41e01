"""The checklist of the contract with 1.x, and that nothing on it goes untested."""

from __future__ import annotations

import ast
from pathlib import Path

from support import HERE


def checklist() -> list[str]:
    lines = (HERE / "data" / "contract.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def items_of(test: ast.FunctionDef) -> list[str]:
    """The names in the ``item`` marks of a test."""
    return [
        argument.value
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.item"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]


def marked(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [item for test in tests if test.name.startswith("test_") for item in items_of(test)]


def test_every_item_has_a_test_and_every_mark_an_item() -> None:
    shown = [item for path in HERE.glob("test_*.py") for item in marked(path)]
    listed = checklist()
    assert len(listed) == len(set(listed)) > 50
    assert sorted(set(shown) - set(listed)) == [], "marks that name no item"
    assert sorted(set(listed) - set(shown)) == [], "items without a test"
