"""What a service for VMs is, and how it reaches them."""

from __future__ import annotations

from collections.abc import Callable

from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies.packet import Answer

SwitchPort = tuple[str, int]
"""(element, OpenFlow port)."""
Send = Callable[[str, int, bytes], bool]
"""``send(element, ofport, frame) -> sent``; must not block."""
Witness = Callable[[SwitchPort], str]
"""``witness(switch_port) -> what it is counted as``: hears that something was punted there, and
answers nothing; likewise."""
Service = Callable[[bytes, EdgePort, SwitchPort], tuple[str, Answer]]
"""``service(frame, port, switch_port) -> (protocol, answer)``, in the punt worker's thread; must
not block.  An answer of the kind "later" is one that the service sends by itself.  Raises
Malformed."""
