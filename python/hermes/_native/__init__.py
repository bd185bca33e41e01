"""The native library: load it (load, copies), call it (abi, wait), own its objects (handles).

This is the only package that knows ctypes. It imports `hermes.errors`, `hermes._system` and
`hermes._greenlets`, and nothing else of hermes. Importing it loads nothing, and
raises where nothing could be loaded.
"""

from hermes._native.load import check_platform, library, version

__all__ = ["library", "version"]

check_platform()
