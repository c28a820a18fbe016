"""A real Keystone for labs and tests, on SQLite, with an environment of its own."""

from lab.keystone.server import Keystone

__all__ = ["Keystone"]
