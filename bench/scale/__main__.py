"""Prints what a cluster needs of the machine of each site, and what runs out first.

python -m scale [--sites N] [--receivers M] ...     from the measured costs
python -m scale --costs                             prints those
python -m scale --calibrate                         measures the costs again
"""

from __future__ import annotations

import argparse
import dataclasses

from scale import costs, model

#: The columns of the table: the resource, and what it is called.
RESOURCES = ["processors", "memory", "sockets", "line", "sites", "servers"]


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m scale", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--calibrate", action="store_true", help="measure the costs, and write them"
    )
    parser.add_argument("--costs", action="store_true", help="print the measured costs")
    parser.add_argument("--sites", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--receivers", type=int, default=10_000_000, help="of the whole cluster")
    parser.add_argument(
        "--rate", type=float, default=100_000, help="messages a second, of the same"
    )
    parser.add_argument("--size", type=float, default=120, help="bytes of a message")
    parser.add_argument("--topics", type=int, default=100_000)
    parser.add_argument("--prefixes", type=int, default=10, help="subscriptions of a receiver")
    parser.add_argument("--skew", type=float, default=0, help="0: all topics are equally popular")
    parser.add_argument("--servers", type=int, default=0, help="NATS servers that run elsewhere")
    parser.add_argument("--processors", type=float, default=4, help="of each machine")
    parser.add_argument("--memory", type=float, default=16, help="of each machine, in GiB")
    parser.add_argument("--sockets", type=int, default=65_536, help="that a process may have")
    parser.add_argument("--line", type=float, default=10, help="of each machine, in Gbit a second")
    return parser.parse_args()


def lines(given: argparse.Namespace, measured: costs.Costs) -> list[str]:
    """Return the table: a line for each number of sites."""
    machine = model.Machine(
        processors=given.processors,
        memory=given.memory * 2**30,
        sockets=given.sockets,
        line=given.line * 1e9 / 8,
    )
    shown = [name for name in RESOURCES if given.servers or name != "servers"]
    table = [
        "sites  " + "".join(f"{name:>11}" for name in shown) + "   most receivers  then breaks"
    ]
    for sites in given.sites:
        cluster = model.Cluster(
            sites=sites,
            receivers=given.receivers,
            rate=given.rate,
            size=given.size,
            topics=given.topics,
            prefixes=given.prefixes,
            skew=given.skew,
            servers=given.servers,
        )
        shares = model.needs(cluster, measured, machine)
        most = model.most_receivers(cluster, measured, machine)
        more = dataclasses.replace(cluster, receivers=most + 1)
        breaks = model.first_to_break(model.needs(more, measured, machine))
        figures = "".join(f"{shares[name]:>11.1%}" for name in shown)
        table.append(f"{sites:<7}{figures}{most:>17,}  {breaks}")
    return table


def main() -> None:
    """Print the table, or measure."""
    given = arguments()
    if given.calibrate:
        from scale import calibrate

        calibrate.main()
        return
    if given.costs:
        print("\n".join(costs.table(costs.read(), costs.about())))
        return
    print("\n".join(lines(given, costs.read())))


if __name__ == "__main__":
    main()
