"""The measured costs: reads and writes costs.json."""

from __future__ import annotations

import dataclasses
import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parent / "costs.json"


def cost(about: str) -> float:
    """Return a field of Costs."""
    made: float = dataclasses.field(metadata={"about": about})
    return made


@dataclasses.dataclass(frozen=True)
class Costs:
    """What one thing more costs a post office. Times are of one processor."""

    in_us: float = cost("µs: a message from a local publisher")
    out_us: float = cost("µs: a copy to a local receiver, alone in its write")
    send_us: float = cost("µs: a message that is given to the backbone")
    route_us: float = cost("µs: each other site that it goes to, with a server inside")
    receive_us: float = cost("µs: a message from the backbone")
    site_us: float = cost("µs a second: another site, while nothing is published")
    base_bytes: float = cost("bytes of memory: a post office with a server inside")
    receiver_bytes: float = cost("bytes of memory: a connected receiver")
    subscription_bytes: float = cost("bytes of memory: a subscription of a receiver")
    interest_bytes: float = cost("bytes of memory: a prefix that another site wants")
    site_bytes: float = cost("bytes of memory: another site")
    base_sockets: float = cost("sockets: a post office with a server inside")
    site_sockets: float = cost("sockets: another site, with a server inside")
    server_in_us: float = cost("µs: a message that arrives at a NATS server elsewhere")
    server_out_us: float = cost("µs: a copy that such a server sends")
    overhead_bytes: float = cost("bytes: what a message has on the backbone beside its own")


def read(file: pathlib.Path = FILE) -> Costs:
    """Return the costs in a file."""
    return Costs(**json.loads(file.read_text())["costs"])


def about(file: pathlib.Path = FILE) -> dict[str, str]:
    """Return when and on what machine the costs in a file were measured."""
    return json.loads(file.read_text())["measured"]


def write(costs: Costs, measured: dict[str, str], file: pathlib.Path = FILE) -> None:
    """Write the costs, and when and on what machine they were measured."""
    figures = {name: rounded(value) for name, value in dataclasses.asdict(costs).items()}
    file.write_text(json.dumps({"measured": measured, "costs": figures}, indent=4) + "\n")


def rounded(value: float) -> float:
    """Return a figure with three digits: more are noise."""
    short = float(f"{value:.3g}")
    return int(short) if short.is_integer() else short


def table(costs: Costs, measured: dict[str, str]) -> list[str]:
    """Return all costs as text, a line each."""
    lines = [f"measured {measured['date']}: {measured['machine']}"]
    for field in dataclasses.fields(costs):
        lines.append(f"{getattr(costs, field.name):>12,}  {field.metadata['about']}")
    return lines
