"""A post office written to hermes 1.x, for either version: postoffice.py IN OUT DEBUG."""

import sys

from hermes import PostOffice

# 1.x fails on its way out without a debug address.
office = PostOffice(*sys.argv[1:4])
office.start()
sys.stdin.read()
office.stop()
