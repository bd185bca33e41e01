"""Reads what `go test -json` prints: shows results of packages and output of failures.

Ends with the tests that took longest. Its exit code is 1 where anything failed; that of go
itself is looked at by the shell.
"""

import json
import sys
from collections import defaultdict

SLOWEST = 20


def main():
    """Show what matters; return the exit code."""
    said = defaultdict(list)  # by package and test, what it has printed so far
    took = []
    failed = False
    for line in sys.stdin:
        try:
            event = json.loads(line)
        except ValueError:  # not of a test: a package that cannot be built, say
            sys.stdout.write(line)
            continue
        key = event.get("Package") or event.get("ImportPath"), event.get("Test")
        action = event["Action"]
        if action in ("output", "build-output"):
            said[key].append(event["Output"])
        elif action in ("pass", "fail", "skip", "build-fail"):
            output = "".join(said.pop(key, []))
            if action.endswith("fail"):
                failed = True
                sys.stdout.write(output)
            elif key[1] is None:  # the last line is about the package
                sys.stdout.writelines(output.splitlines(keepends=True)[-1:])
            if key[1] and "/" not in key[1]:
                took.append((event["Elapsed"], *key))
        sys.stdout.flush()
    for output in said.values():  # of tests that never ended
        sys.stdout.writelines(output)
    print("The slowest:")
    for seconds, package, test in sorted(took, reverse=True)[:SLOWEST]:
        print(f"{seconds:8.2f} s  {package.rpartition('hermes-zmq/hermes/')[2]} {test}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
