"""The arithmetic of the model: by hand, by drawing lots, and at its limits."""

import dataclasses
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from scale import costs, model

NOTHING = costs.Costs(**{field.name: 0.0 for field in dataclasses.fields(costs.Costs)})
PLENTY = model.Machine(processors=1, memory=1e6, sockets=1e6, line=1e6)


def only(**some):
    """Return costs of which only some are not 0."""
    return dataclasses.replace(NOTHING, **some)


#: Ten receivers at each of four sites, each of which wants all of one topic.
FOUR = model.Cluster(sites=4, receivers=40, rate=1000, size=100, topics=1, prefixes=1)


@pytest.mark.parametrize(
    ("cost", "resource", "share"),
    [
        (only(in_us=1), "processors", 250e-6),  # a quarter of the messages at each site
        (only(send_us=1), "processors", 250e-6),
        (only(route_us=1), "processors", 750e-6),  # each goes to three others
        (only(receive_us=1), "processors", 750e-6),
        (only(out_us=1), "processors", 10_000e-6),  # ten receivers have all thousand
        (only(site_us=1), "processors", 3e-6),
        (only(base_bytes=7), "memory", 7e-6),
        (only(receiver_bytes=1), "memory", 10e-6),
        (only(subscription_bytes=1), "memory", 10e-6),
        (only(interest_bytes=1), "memory", 3e-6),
        (only(site_bytes=1), "memory", 3e-6),
        (NOTHING, "sockets", 10e-6),
        (only(base_sockets=5, site_sockets=2), "sockets", 21e-6),
        (NOTHING, "line", (750 * 100 + 10_000 * 108) / 1e6),
        (only(overhead_bytes=10), "line", (750 * 110 + 10_000 * 108) / 1e6),
        (NOTHING, "sites", 4 / model.MOST_SITES),
    ],
)
def test_each_cost_counts_as_often_as_what_it_is_for(cost, resource, share):
    assert model.needs(FOUR, cost, PLENTY)[resource] == pytest.approx(share)


def test_servers_elsewhere_do_the_work_of_the_routes():
    elsewhere = dataclasses.replace(FOUR, servers=2)
    needs = model.needs(elsewhere, only(route_us=1, site_sockets=9), PLENTY)
    assert (needs["processors"], needs["sockets"]) == (0, pytest.approx(10e-6))
    arriving = model.needs(elsewhere, only(server_in_us=1), PLENTY)["servers"]
    assert arriving == pytest.approx(1000e-6)  # half from sites, half from the other server
    leaving = model.needs(elsewhere, only(server_out_us=1), PLENTY)["servers"]
    assert leaving == pytest.approx((500 + 1500) * 1e-6)  # to the other server, and to two sites


def test_servers_elsewhere_keep_what_their_sites_want():
    cluster = model.Cluster(sites=4, receivers=400, topics=3, prefixes=100, rate=1, servers=2)
    needs = model.needs(cluster, only(interest_bytes=1), PLENTY)
    assert needs["servers"] == pytest.approx((2 * 3 + 3) / 1e6)
    assert needs["memory"] == pytest.approx(3 * 3 / 1e6)
    many = model.Cluster(sites=100, receivers=10**8, topics=99_999, prefixes=100, servers=2)
    shares = model.needs(many, only(interest_bytes=1), model.Machine(memory=1e8, sockets=1e9))
    assert shares["memory"] == pytest.approx(model.MOST_INTEREST / 1e8)
    inside = model.needs(dataclasses.replace(many, servers=0), only(interest_bytes=1), PLENTY)
    assert inside["memory"] == pytest.approx(99 * 99_999 / 1e6)


def test_a_post_office_alone_gives_the_backbone_nothing():
    alone = dataclasses.replace(FOUR, sites=1)
    cost = only(send_us=1, route_us=1, receive_us=1, site_us=1, site_bytes=1, interest_bytes=1)
    needs = model.needs(alone, cost, PLENTY)
    assert (needs["processors"], needs["memory"]) == (0, 0)


@pytest.mark.parametrize("skew", [0, 1])
def test_the_share_that_a_site_wants_is_what_drawing_lots_gives(skew):
    topics, subscriptions, rounds = 50, 60, 2000
    weights = [rank**-skew for rank in range(1, topics + 1)]
    draw = random.Random(7)
    seen = sum(
        len(set(draw.choices(range(topics), weights, k=subscriptions))) for _ in range(rounds)
    )
    assert model.share_wanted(topics, subscriptions, skew) == pytest.approx(
        seen / rounds / topics, rel=0.01
    )


def test_a_site_that_wants_more_than_it_can_list_takes_everything():
    cluster = model.Cluster(sites=2, receivers=2_000_000, rate=1000, topics=1_000_000, prefixes=1)
    t = model.traffic(cluster)
    assert (t.filters, t.taken) == (model.MOST_FILTERS, 500)


def test_the_greatest_number_is_found():
    assert [model.most(lambda n, top=top: n <= top, 100) for top in (0, 1, 63, 99, 100, 999)] == [
        0, 1, 63, 99, 100, 100,
    ]  # fmt: skip


def test_one_receiver_more_than_the_most_is_too_many():
    measured = costs.read()
    for servers in (0, 3):
        cluster = model.Cluster(sites=20, receivers=1, servers=servers)
        machine = model.Machine()
        most = model.most_receivers(cluster, measured, machine)
        assert most > 0
        for receivers, fits in ((most, True), (most + 1, False)):
            shares = model.needs(
                dataclasses.replace(cluster, receivers=receivers), measured, machine
            )
            assert (max(shares.values()) <= 1) == fits
            assert shares[model.first_to_break(shares)] == max(shares.values())


def test_figures_are_written_as_they_are_read(tmp_path):
    file = tmp_path / "costs.json"
    written = only(in_us=1.23456, base_bytes=123_456)
    costs.write(written, {"date": "today"}, file)
    assert costs.read(file) == only(in_us=1.23, base_bytes=123_000)
    assert costs.about(file) == {"date": "today"}


def test_the_measured_costs_say_when_and_where():
    assert set(costs.about()) == {"date", "machine", "version"}
    assert all(value >= 0 for value in dataclasses.astuple(costs.read()))
