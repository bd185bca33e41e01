"""Where a cluster's post office listens unless you say otherwise."""

#: The post office's incoming side: publishers connect here.
XSUB_ADDR = "tcp://127.0.0.1:6000"

#: The post office's outgoing side: receivers connect here.
XPUB_ADDR = "tcp://127.0.0.1:6001"

#: A copy of everything the post office relays, for monitoring and tests.
DEBUG_ADDR = "tcp://127.0.0.1:6002"
