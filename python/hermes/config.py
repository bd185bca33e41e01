"""The default addresses of a post office."""

#: Publishers connect here.
XSUB_ADDR = "tcp://127.0.0.1:6000"

#: Receivers connect here.
XPUB_ADDR = "tcp://127.0.0.1:6001"

#: A copy of every message is published here, for monitoring and tests.
DEBUG_ADDR = "tcp://127.0.0.1:6002"
