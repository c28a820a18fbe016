"""A VNC node: everything that runs on a controller node.

Start reading at ``docs/architecture.md``.
"""

__version__ = "0.1.0"
