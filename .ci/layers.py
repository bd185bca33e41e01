"""Checks that no Go package imports upwards, and draws the layers: layers.py [--check].

The layers are in layers.txt; their picture is docs/pictures/layers.svg. Imports of tests
count for nothing; packages of tests (testkit, interop) and of other directories are left out.
"""

import pathlib
import subprocess
import sys
from html import escape

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
MODULE = "github.com/hermes-zmq/hermes/"
PICTURE = ROOT / "docs" / "pictures" / "layers.svg"
SOURCES = ["./core/...", "./internal/...", "./capi/...", "./cmd/..."]
LEFT_OUT = {"internal/testkit", "internal/testkit/policymodel", "internal/zmtp/interop"}
WIDTH, CODE_X, LINE, GAP = 760, 250, 18, 14

Layer = tuple[str, str, list[str]]


def read_layers() -> list[Layer]:
    """The layers of layers.txt, lowest first: name, description, packages."""
    layers: list[Layer] = []
    for line in (HERE / "layers.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith(" "):
            layers[-1][2].extend(line.split())
        else:
            name, _, what = line.partition(":")
            layers.append((name, what.strip(), []))
    return layers


def directory(package: str) -> str:
    """Where a package lies, below the root."""
    outside = package.startswith(("core", "capi", "cmd/"))
    return package if outside else "internal/" + package


def imports() -> dict[str, list[str]]:
    """What each package of the module imports of it, in all builds that there are."""
    found: dict[str, list[str]] = {}
    form = '{{.ImportPath}} {{join .Imports " "}}'
    for tags in ("", "hermestest,invariants"):
        listed = subprocess.run(
            ["go", "list", "-tags", tags, "-f", form, *SOURCES],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        for line in listed.stdout.splitlines():
            package, *all_imports = line.split()
            ours = [p.removeprefix(MODULE) for p in all_imports if p.startswith(MODULE)]
            found.setdefault(package.removeprefix(MODULE), []).extend(ours)
    return found


def faults(layers: list[Layer]) -> list[str]:
    """What is wrong, one line each."""
    order = [directory(package) for _, _, packages in layers for package in packages]
    place = {package: i for i, package in enumerate(order)}
    wrong = []
    found = imports()
    for package, imported in sorted(found.items()):
        if package in LEFT_OUT:
            continue
        if package not in place:
            wrong.append(f"{package} stands in no layer of .ci/layers.txt")
            continue
        for other in sorted(set(imported)):
            if other in LEFT_OUT:
                wrong.append(f"{package} imports {other}, which is for tests")
            elif place.get(other, -1) >= place[package]:
                wrong.append(f"{package} imports {other}, which is not below it in .ci/layers.txt")
    gone = [package for package in order if package not in found]
    wrong += [f"{package} is in .ci/layers.txt, and nowhere else" for package in gone]
    return wrong


def rows_of(packages: list[str]) -> list[str]:
    """The packages of a layer in lines that fit beside its name."""
    rows = [""]
    for package in packages:
        longer = f"{rows[-1]}  {package}" if rows[-1] else package
        if len(longer) * 7.3 > WIDTH - CODE_X - 30 and rows[-1]:
            rows.append(package)
        else:
            rows[-1] = longer
    return rows


HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
    aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="14">
  <title id="title">The layers of the Go code</title>
  <desc id="description">From top to bottom: {all}. A package imports only packages of lower
    layers, and those before it in its own.</desc>
  <style>
    .box {{ fill: #ffffff; stroke: #57606a; stroke-width: 1.5 }}
    text {{ fill: #1f2328 }}
    .small {{ font-size: 12px; fill: #57606a }}
    .code {{ font-family: ui-monospace, monospace; font-size: 12px }}
    @media (prefers-color-scheme: dark) {{
      .box {{ fill: #161b22; stroke: #9198a1 }}
      text {{ fill: #e6edf3 }}
      .small {{ fill: #9198a1 }}
    }}
  </style>
"""


def box(layer: Layer, y: int) -> tuple[str, int]:
    """One layer as SVG, and how high it is."""
    name, what, packages = layer
    rows = rows_of(packages)
    height = 24 + LINE * max(len(rows), 2)
    lines = [
        f'<rect class="box" x="10" y="{y}" width="{WIDTH - 20}" height="{height}" rx="6"/>',
        f'<text x="24" y="{y + 26}" font-weight="600">{escape(name)}</text>',
        f'<text class="small" x="24" y="{y + 44}">{escape(what)}</text>',
    ]
    for i, row in enumerate(rows):
        text = escape(row).replace("  ", "&#160;&#160;")
        lines.append(f'<text class="code" x="{CODE_X}" y="{y + 26 + i * LINE}">{text}</text>')
    return "".join(f"  {line}\n" for line in lines), height


def picture(layers: list[Layer]) -> str:
    """The layers as SVG, the highest on top."""
    boxes, y = "", 10
    for layer in reversed(layers):
        drawn, height = box(layer, y)
        boxes += drawn
        y += height + GAP
    names = "; ".join(f"{name}: {', '.join(packages)}" for name, _, packages in reversed(layers))
    return HEAD.format(width=WIDTH, height=y - GAP + 10, all=escape(names)) + boxes + "</svg>\n"


def main() -> int:
    layers = read_layers()
    wrong = faults(layers)
    drawn = picture(layers)
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(drawn)
    elif not PICTURE.exists() or PICTURE.read_text() != drawn:
        wrong.append("docs/pictures/layers.svg is not what .ci/layers.txt says: run make format")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
