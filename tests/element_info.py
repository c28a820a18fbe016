"""Elements as tests introduce them to the control core."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control.kinds import OvsFacts
from ryu_apps.control.messages import ElementInfo


def ovs_info(
    element: str, hostname: str, vtep: str, identity: str, address: str, *,
    ovs_version: str = "", datapath_id: int = 0, bridge: str = "br-int",
    connection_limit: int | None = None,
) -> ElementInfo:
    """A hypervisor with Open vSwitch."""
    facts = OvsFacts(ovs_version, datapath_id, bridge, connection_limit)
    return ElementInfo(element, hostname, vtep, identity, address, facts)


def with_facts(info: ElementInfo, **changes: object) -> ElementInfo:
    """The same element with other :class:`OvsFacts`."""
    return replace(info, facts=replace(info.facts, **changes))
