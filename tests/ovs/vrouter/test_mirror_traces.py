"""vnctl trace follows the packet, and none of its copies."""

from __future__ import annotations

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from ryu_apps.cli.trace.ofproto import TunnelHeader, parse
from tests.ovs.vrouter.edge_support import VTEP
from tests.ovs.vrouter.test_mirror_flows import arrives, mirrored, tcp
from vrouter_ovs.schema.tables import TABLE_IDS
from vrouter_ovs.state import Copy, PortMirror

FAR = Copy(22, 1202)
HEADER = TunnelHeader(100, "192.0.2.1", VTEP)


@pytest.fixture(scope="module")
def switch(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3, 4, 5, 6)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    for number, kind in ((40, "erspan"), (41, "gre")):
        sandbox.vsctl(
            "add-port", "br-int", kind, "--", "set", "interface", kind, f"type={kind}",
            f"ofport_request={number}", f'options:remote_ip="{VTEP}"', "options:key=7",
        )  # fmt: skip
    return sandbox


@pytest.mark.parametrize("copies", [
    (), (Copy(6),), (FAR,), (FAR, Copy(6)), (Copy(6), FAR), (Copy(40),), (Copy(41),),
    (Copy(41), FAR, Copy(6), Copy(40)),
])  # fmt: skip
def test_what_becomes_of_the_packet(
    switch: Sandbox, openflow: OpenFlow, copies: tuple[Copy, ...]
) -> None:
    """To a port here, to one elsewhere, and from there."""
    mirrored(openflow, *(PortMirror(str(n), n, copies, copies) for n in (1, 2)))
    here = parse(switch.trace(f"in_port=1,{tcp(1, 2)}"), "br-int")
    assert [one.port for one in here.outputs] == [2] and not here.tunnels
    away = parse(switch.trace(f"in_port=1,{tcp(1, 0x70)}"), "br-int")
    assert [one.tunnel for one in away.outputs] == [True] and away.tunnels == [HEADER]
    back = parse(switch.trace(arrives(1)), "br-int")
    assert [one.port for one in back.outputs] == [1] and not back.tunnels
    assert [step.table for step in back.steps][-1] == TABLE_IDS["output" if copies else "receive"]
