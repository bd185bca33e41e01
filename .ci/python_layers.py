"""Checks that imports in python/hermes point down, lazy ones and those for types included.

A module may import modules of lower layers, and modules of its own layer as long as there is no
circle among them. A module that stands in no layer is an error.
"""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "hermes"

# From the top to the bottom.
LAYERS = [
    ["hermes"],
    ["hermes.node", "hermes.prometheus", "hermes.recorder"],
    ["hermes.publisher", "hermes.receiver", "hermes.proxy"],
    ["hermes._component"],
    ["hermes._attributes", "hermes._events", "hermes._exit_fork"],
    ["hermes._queue"],
    ["hermes._codec"],
    ["hermes.structs"],
    ["hermes._native"],
    ["hermes._json", "hermes._arguments", "hermes._greenlets", "hermes._zmq_context"],
    ["hermes.errors", "hermes._typing", "hermes._threads", "hermes._ratelimit"],
    ["hermes.__main__"],
    ["hermes._star_import", "hermes._system", "hermes.config"],
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}


def modules() -> dict[str, Path]:
    """Return all modules of the package by name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the modules of the package that a module imports anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & known.keys()
            found |= submodules
            if submodules != names:  # something else than modules is imported as well
                found.add(node.module)
    return found


def room(module: str) -> str:
    """Return the part of the package that a module belongs to: hermes.x, or hermes itself."""
    return ".".join(module.split(".")[:2])


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle; empty if there are none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for imported in sorted(graph[module]):
            if found := visit(imported, [*way, module]):
                return found
        done.add(module)
        return []

    return next(filter(None, (visit(module, []) for module in sorted(graph))), [])


def main() -> None:
    """Report every import that points up."""
    known = modules()
    graph = {module: imports(path, known) - {module} for module, path in known.items()}
    problems = [f"{module} stands in no layer" for module in graph if room(module) not in RANK]
    problems = problems or [
        f"{module} imports {imported}, which stands above it"
        for module, imported in sorted((a, b) for a in graph for b in graph[a])
        if RANK[room(imported)] < RANK[room(module)]
    ]
    if found := circle(graph):
        problems.append("a circle: " + " -> ".join(found))
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
