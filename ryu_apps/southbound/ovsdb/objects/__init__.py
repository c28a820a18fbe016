"""State objects of the hypervisor's database, one file a kind: the rows that it asks for, and the
operations that make them.

A kind's function is called with all objects of the kind and compares them with the rows that are
there; where all is right it does nothing.  Rows that are not ours by their mark stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryu_apps.southbound.ovsdb.objects.context import Context
from ryu_apps.southbound.ovsdb.objects.controllers import controllers
from ryu_apps.southbound.ovsdb.objects.installed import installed_interfaces
from ryu_apps.southbound.ovsdb.objects.patch_ports import patch_ports
from ryu_apps.southbound.ovsdb.objects.tunnel_ports import tunnel_ports
from vrouter_ovs.state import ControllerTarget, InterfaceInstalled, Key, PatchPort, TunnelPort

__all__ = ["KINDS", "Context"]

KINDS: dict[str, Callable[[Context, Mapping[Key, Any]], None]] = {
    ControllerTarget.kind: controllers,
    TunnelPort.kind: tunnel_ports,
    PatchPort.kind: patch_ports,
    InterfaceInstalled.kind: installed_interfaces,
}
"""Kind -> its function, in the order of a transaction."""
