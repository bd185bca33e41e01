"""The post office of a cluster: postoffice.py [IN OUT]. Ends on Ctrl-C."""

import sys

import hermes
from hermes import config

proxy_in, proxy_out = sys.argv[1:3] if len(sys.argv) > 2 else (config.XSUB_ADDR, config.XPUB_ADDR)

office = hermes.PostOffice(proxy_in, proxy_out)
office.start()
print("relaying from", office.xsub_url, "to", office.xpub_url, flush=True)
try:
    office.join()
except KeyboardInterrupt:
    office.stop()
