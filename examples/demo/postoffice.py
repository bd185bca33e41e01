"""The post office of the demo: postoffice.py IN OUT. Runs until it is terminated."""

import json
import signal
import sys
import threading

import hermes

told_to_stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told_to_stop.set())
signal.signal(signal.SIGINT, lambda *_: told_to_stop.set())

office = hermes.PostOffice(sys.argv[1], sys.argv[2])
office.start()
print("ready", flush=True)

told_to_stop.wait()
print(json.dumps(office.stats()), flush=True)
office.stop()
