"""The demo's pair that sends MPLS over GRE to each other, beside a hypervisor that takes VXLAN
alone."""

from __future__ import annotations

from lab.demo.report import Report
from lab.demo.shell import vnctl
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.ping import reach_all
from lab.wait import wait_until

PAIR = ("hv2", "hv3")
ENCAPSULATIONS = ["mpls-in-gre", "vxlan"]
MPLS_ICMP = "ip proto 47 and ip[22:2] = 0x8847 and ip[37] = 1"
"""GRE without a key, a label, and an IPv4 packet with ICMP: what is routed."""


def mpls(lab: Lab, report: Report, red: Tenant) -> None:
    """Two hypervisors send MPLS to each other, and VXLAN to the third; then all is as it was."""
    set_types = f"external_ids:vnc-encap-type={','.join(ENCAPSULATIONS)}"
    for name in PAIR:
        report.say(f"{name}: ovs-vsctl set Open_vSwitch . {set_types}")
        lab.hypervisors[name].vsctl("set", "Open_vSwitch", ".", set_types)
    wait_until(lambda: tunnels(lab) >= 2 * len(PAIR), "BFD on the tunnels of MPLS", 20)
    vms = red.vms
    source, target = vms["web3"], vms["db3"]
    with Capture(lab.hypervisors["hv2"].space, "any", MPLS_ICMP) as capture:
        between = [(source, target), (target, source), (source, vms["web4"]), (vms["web4"], source)]
        others = [(source, vms["web1"]), (vms["db1"], target), (target, vms["web2"])]
        results = reach_all(
            (a.space, address) for a, b in between + others for address in (b.ip, b.ip6) if address
        )
        capture.wait()
        text = capture.text()
    report.say("one routed packet between them on the underlay, without a frame in it:")
    report.show(text)
    answered = sum(result.ok for result in results)
    report.check("a pair by MPLS over GRE, and VXLAN to who takes that alone",
                 answered == len(results) and "MPLS (label " in text,
                 f"{answered} of {len(results)} answered; {label(text)}")
    vnctl(lab, report, red.client, "trace", source.name, target.ip)
    for name in PAIR:
        lab.hypervisors[name].vsctl("remove", "Open_vSwitch", ".", "external_ids", "vnc-encap-type")
    wait_until(lambda: tunnels(lab) == 0, "the tunnels of MPLS to be gone", 20)


def tunnels(lab: Lab) -> int:
    """How many tunnels of MPLS there are with BFD up, of all hypervisors and paths."""
    return sum(
        tunnel["encap"] == ENCAPSULATIONS[0] and tunnel["bfd"] == "up"
        for node in lab.nodes.values() for element in node.client.v1("elements")
        if element["mine"] for tunnel in element.get("tunnels", ())
    )


def label(text: str) -> str:
    """The first label of what tcpdump shows."""
    return text.partition("MPLS (")[2].partition(",")[0]
