"""The native library: find and load it (load), call it (abi, wait), own its objects (handles).

This is the only package that knows ctypes. It imports `hermes.errors` and
`hermes._greenlets`, and nothing else of hermes. Importing it loads nothing.
"""

from hermes._native.load import library, version

__all__ = ["library", "version"]
