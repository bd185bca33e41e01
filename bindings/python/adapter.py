"""Takes the steps of the conformance scenarios with the Python package.

Usage: adapter.py SCENARIOS.json [NAME]
       adapter.py --cluster IN OUT NAME COUNT PEERS
"""

from __future__ import annotations

import contextlib
import json
import logging
import select
import sys
import threading
import time

import hermes
from hermes import errors

PATIENCE = 60.0  # seconds
MEETING = 300.0  # the same for all members of a cluster to be there, compilers and JVMs included
HAS = {"text", "events", "descriptor", "nul"}
CODES = {
    **{-1: "EINVAL", -2: "EBADHANDLE", -3: "ESTATE", -4: "EADDRESS", -5: "EADDRINUSE"},
    **{-6: "EOPTION", -7: "EUTF8", -8: "EJSON", -9: "EFULL", -10: "ETIMEOUT", -11: "ESTOPPED"},
    **{-13: "EINTERNAL", -15: "ERANGE", -16: "ETOOBIG", -17: "ENOTSUP", -18: "EIO"},
    **{-19: "EACCES", -20: "EAUTH"},
}
# What Python raises by itself, where the native library has not been asked.
BUILT_IN = {
    **{NotImplementedError: "ENOTSUP", RuntimeError: "ESTATE", ValueError: "EINVAL"},
    **{TypeError: "EJSON"},
}


class CodeError(Exception):
    """Stands for a result that says the same as a code."""


class WrongError(Exception):
    """Something did not come as expected."""


def code_of(error):
    """Return the name of the code that an exception stands for."""
    if isinstance(error, CodeError):
        return str(error)
    if isinstance(error, errors.HermesError):
        return CODES.get(error.code, f"E{error.code}")
    return next((name for kind, name in BUILT_IN.items() if isinstance(error, kind)), None)


def seconds(step):
    """Return the time that a step may take; None is for ever."""
    ms = step.get("timeout", PATIENCE * 1000)
    return None if ms < 0 else ms / 1000


def same(one, other):
    """Whether two values are the same JSON, NaN and all."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def contains(want, got):
    """Whether what is expected is contained in what came."""
    if isinstance(want, dict) and isinstance(got, dict):
        return all(key in got and contains(value, got[key]) for key, value in want.items())
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(contains, want, got))
    return same(want, got)


class Run:
    """One run of a scenario: its objects, and a method for each kind of step."""

    def __init__(self, beginnings):
        """Begin with nothing."""
        self.beginnings = beginnings
        self.objects = {}
        self.threads = {}

    # ---- Steps -----------------------------------------------------------------

    def take(self, steps, index=0):
        """Take steps one after the other; an error names the failed step."""
        for number, step in enumerate(steps, 1):
            try:
                self.take_one(step, index)
            except Exception as error:
                error.place = f"step {number} ({step['do']}): " + getattr(error, "place", "")
                raise

    def take_one(self, step, index):
        """Take a step, and look whether it fails as it should."""
        allowed = step.get("error", [])
        allowed = [allowed] if isinstance(allowed, str) else allowed
        try:
            getattr(self, "do_" + step["do"])(step, index)
        except Exception as error:
            code = code_of(error)
            if code not in allowed:
                raise
            if step.get("says", "") not in str(error):
                raise WrongError(f"the text '{error}' has no '{step['says']}' in it") from error
            if "hides" in step and step["hides"] in str(error):
                raise WrongError(f"the text '{error}' does not hide it") from error
        else:
            if allowed and "none" not in allowed:
                raise WrongError(f"did not fail with {' or '.join(allowed)}")

    def do_repeat(self, step, index):
        for i in range(step["times"]):
            self.take(step["steps"], i)

    def do_until(self, step, index):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.take(step["steps"], index)
            except Exception:
                if time.monotonic() > end:
                    raise

    def do_try(self, step, index):
        self.take(step["steps"], index)

    def do_spawn(self, step, index):
        failures = []

        def run():
            try:
                self.take(step["steps"], index)
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads[step["as"]] = thread, failures

    def do_join(self, step, index):
        thread, failures = self.threads[step["on"]]
        thread.join(PATIENCE)
        if thread.is_alive():
            raise WrongError("it does not end")
        for failure in failures:
            raise failure

    def do_sleep(self, step, index):
        time.sleep(step["ms"] / 1000)

    # ---- Objects ---------------------------------------------------------------

    def address(self, given):
        """Return an address, from a string or from what an object says."""
        return given if isinstance(given, str) else self.objects[given[0]].get_option(given[1])

    def do_postoffice(self, step, index):
        debug = step.get("debug")
        self.objects[step["as"]] = hermes.PostOffice(
            self.address(step["in"]), self.address(step["out"]), debug
        )

    def do_publisher(self, step, index):
        self.objects[step["as"]] = hermes.Publisher(self.address(step["address"]), step["name"])

    def do_receiver(self, step, index):
        self.objects[step["as"]] = hermes.Receiver(self.address(step["address"]), step["name"])

    def do_node(self, step, index):
        both = [self.objects.get(step[role]) for role in ("receiver", "publisher")]
        self.objects[step["as"]] = hermes.Node(step["name"], *both)

    def do_set(self, step, index):
        self.objects[step["on"]].set_option(step["key"], step["value"])

    def do_get(self, step, index):
        value = self.objects[step["on"]].get_option(step["key"])
        if value != step["expect"]:
            raise WrongError(f"it is '{value}'")

    def do_start(self, step, index):
        self.objects[step["on"]].start()

    def do_stop(self, step, index):
        component = self.objects[step["on"]]
        component.stop() if isinstance(component, hermes.Node) else component.stop(seconds(step))

    do_close = do_stop

    def do_wait_ready(self, step, index):
        component = self.objects[step["on"]]
        if not component.wait_ready(seconds(step)):
            raise CodeError("ETIMEOUT" if component.is_alive() else "ESTATE")

    def do_subscribe(self, step, index):
        self.objects[step["on"]].subscribe(step["topic"])

    def do_unsubscribe(self, step, index):
        self.objects[step["on"]].unsubscribe(step["topic"])

    def do_accept(self, step, index):
        old = self.objects[step["on"]]  # a receiver is told its origins when it is made
        self.objects[step["on"]] = hermes.Receiver(old.sub_addr, old.name, exchanges=step["origin"])

    # ---- Envelopes -------------------------------------------------------------

    def value(self, step, index):
        """Return the data that a step speaks of."""
        make = step.get("make")
        if make is None:
            return json.loads(step["text"]) if "text" in step else step["data"]
        if isinstance(make, list):
            text = "x" * make[1]
            return [float("nan"), text] if make[0] == "nan" else text
        return index if make == "index" else object()  # or "nonsense"

    def do_publish(self, step, index):
        publisher = self.objects[step["on"]]
        origin = step.get("origin")
        origin = publisher.name if origin is None else origin
        envelope = hermes.Envelope(step["topic"], origin, self.value(step, index))
        if not publisher.publish(envelope, traceparent=step.get("traceparent")):
            raise CodeError("EFULL" if publisher.is_alive() else "ESTATE")

    def do_publish_many(self, step, index):
        publisher = self.objects[step["on"]]
        given = step.get("envelopes")
        if given is None:
            given = [[step["topic"], None, i] for i in range(step["count"])]
        name = publisher.name
        envelopes = [hermes.Envelope(t, name if o is None else o, d) for t, o, d in given]
        if publisher.publish_many(envelopes) < len(envelopes):
            raise CodeError("EFULL" if publisher.is_alive() else "ESTATE")

    def do_node_publish(self, step, index):
        self.objects[step["on"]].publish(step["channel"], self.value(step, index))

    def do_node_run(self, step, index):
        self.objects[step["on"]].run()

    def do_recv(self, step, index):
        self.expect(self.objects[step["on"]], step, index)

    do_node_recv = do_recv

    def expect(self, component, step, index):
        """Receive an envelope and compare it."""
        envelope = component.recv(block=True, timeout=seconds(step))
        if envelope is None:
            raise CodeError(nothing(component))
        want = step.get("expect", {})
        found = {"topic": envelope.topic, "origin": envelope.origin, "lost": envelope.lost}
        found["traceparent"] = envelope.traceparent
        for key in found.keys() & want.keys():
            if found[key] != want[key]:
                raise WrongError(f"{key} is {found[key]!r}")
        about_data = want.keys() & {"data", "text", "make"}
        if about_data and not same(self.value(want, index), envelope.data):
            raise WrongError(f"data is {envelope.data!r:.200}")

    def do_recv_many(self, step, index):
        receiver, took = self.objects[step["on"]], 0
        while True:
            envelopes = receiver.recv_many(step["max"], seconds(step))
            if not envelopes:
                raise CodeError(nothing(receiver))
            for envelope in envelopes:
                if [envelope.topic, envelope.data] != [step.get("topic"), took]:
                    raise WrongError(f"number {took} is {envelope.topic!r}, {envelope.data!r:.200}")
                took += 1
            if took >= step.get("count", 0):
                return

    def do_each(self, step, index):
        for _ in self.objects[step["on"]]:
            self.take(step["steps"], index)

    # ---- Observing -------------------------------------------------------------

    def do_stats(self, step, index):
        end = time.monotonic() + seconds(step)
        while True:
            stats = self.objects[step["on"]].stats()
            for total, *rest in step.get("sums", []):
                if stats[total] != sum(stats[key] for key in rest):
                    raise WrongError(f"{total} is not the sum of the others in {stats}")
            if contains(step.get("expect", {}), stats):
                return
            if time.monotonic() > end:
                raise WrongError(f"the counters are {stats}")
            time.sleep(0.01)

    def do_event(self, step, index):
        component = self.objects[step["on"]]
        for event in component.events(seconds(step)):
            fits = "expect" in step and contains(step["expect"], event)
            if fits and step.get("says", "") in event["text"]:
                return
        raise CodeError(nothing(component))

    def do_readable(self, step, index):
        poll = select.poll()
        poll.register(self.objects[step["on"]].fileno(), select.POLLIN)
        found = bool(poll.poll(seconds(step) * 1000))
        if found != step["expect"]:
            raise WrongError(f"readable is {found}")

    # ---- The end ---------------------------------------------------------------

    def close(self):
        """Close everything, newest first."""
        for component in reversed(self.objects.values()):
            with contextlib.suppress(Exception):
                component.stop()


def nothing(component):
    """Return the code for None instead of an envelope, or for no more events."""
    component = getattr(component, "receiver", component)
    if component.ident is None:
        return "ESTATE"
    return "ETIMEOUT" if component.get_option("state") == "running" else "ESTOPPED"


def run_scenarios(path, only=None):
    """Run the scenarios of a file; return whether all went well."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    well = True
    for scenario in document["scenarios"]:
        if only not in (None, scenario["name"]):
            continue
        line = {"runtime": "python", "scenario": scenario["name"], "ok": True, "why": ""}
        lacks = [need for need in scenario.get("needs", []) if need not in HAS]
        if lacks:
            line["lacks"] = lacks[0]
        else:
            run = Run(document["beginnings"])
            try:
                run.take(document["beginnings"].get(scenario.get("begin"), []))
                run.take(scenario["steps"])
            except Exception as error:
                why = f"{error.place}{type(error).__name__}: {error}"
                line.update(ok=False, why=why)
                well = False
            run.close()
        print(json.dumps(line), flush=True)
    return well


# ---- The cluster ---------------------------------------------------------------


def join_cluster(address_in, address_out, name, count, peers):
    """Exchange numbers with the peers; return whether all came."""
    line = {"runtime": "python", "name": name, "ok": True, "received": {}, "why": ""}
    receiver = hermes.Receiver(address_out, name, topics="conformance/", on_slow="ignore")
    publisher = hermes.Publisher(address_in, name)
    try:
        with receiver, publisher:
            if not (receiver.wait_ready(PATIENCE) and publisher.wait_ready(PATIENCE)):
                raise WrongError("not ready")
            line["received"] = exchange(receiver, publisher, int(count), peers.split(","))
    except Exception as error:
        line.update(ok=False, why=f"{type(error).__name__}: {error}")
    print(json.dumps(line), flush=True)
    return line["ok"]


def exchange(receiver, publisher, count, peers):
    """Say hello until every member has heard every other, then exchange numbers."""
    name, heard, complete = publisher.name, set(), set()
    received = dict.fromkeys(peers, 0)

    def publish(topic, data):
        if not publisher.publish(hermes.Envelope(topic, name, data)):
            raise WrongError("the publisher does not take it")

    def take(timeout):
        envelope = receiver.recv(block=True, timeout=timeout)
        if envelope is None:
            return False
        if envelope.topic == "conformance/hello":
            heard.add(envelope.data["name"])
            if envelope.data["complete"]:
                complete.add(envelope.data["name"])
        elif envelope.data == received[envelope.origin]:
            received[envelope.origin] += 1
        else:
            missing = received[envelope.origin]
            raise WrongError(f"{missing} of {envelope.origin} is {envelope.data}")
        return True

    end = time.monotonic() + MEETING
    while not complete >= set(peers):
        if time.monotonic() > end:
            raise WrongError(f"heard {sorted(heard)}, and of those {sorted(complete)} hear all")
        publish("conformance/hello", {"name": name, "complete": heard >= set(peers)})
        pause = time.monotonic() + 0.05
        while time.monotonic() < pause:
            take(max(0.0, pause - time.monotonic()))
    publish("conformance/hello", {"name": name, "complete": True})
    for number in range(count):
        publish(f"conformance/numbers/{name}", number)
    while any(got < count for got in received.values()):
        if not take(PATIENCE):
            raise WrongError(f"nothing comes any more; received {received}")
    if receiver.stats()["lost"]:
        raise WrongError(f"lost {receiver.stats()['lost']}")
    return received


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    if sys.argv[1] == "--cluster":
        sys.exit(not join_cluster(*sys.argv[2:]))
    sys.exit(not run_scenarios(*sys.argv[1:]))
