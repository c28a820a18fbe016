"""What is used of the ``ovs`` package, imported in one place.

Importing any of it imports eventlet where that is installed, which then warns of its own
deprecation; eventlet is not used, so the warning is kept from the operator.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings(record=True):  # a filter would be overridden by eventlet's own
    from ovs.db.error import Error as OvsError
    from ovs.db.schema import DbSchema
    from ovs.jsonrpc import Message

__all__ = ["DbSchema", "Message", "OvsError"]
