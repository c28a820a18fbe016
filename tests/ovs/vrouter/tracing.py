"""What ofproto/trace says would leave the switch."""

from __future__ import annotations

import re
from typing import NamedTuple

from lab.beds.sandbox import Sandbox
from ryu_apps.cli.trace.ofproto import without_size_check

_VXLAN = re.compile(r"ipv4\(src=[\d.]+,dst=([\d.]+),.*vni=(0x[0-9a-f]+|\d+)")


class Outcome(NamedTuple):
    """``sent``: port names, and (VTEP, VNI) for what entered a tunnel, in order.
    ``tracked``: the zones in which connections were looked up, in order.
    ``packet``: fields of the packet at the end, as ovs-ofctl writes them.  ``actions``: of the
    datapath, without the way that a packet of this size does not take."""

    sent: list
    packet: dict[str, str]
    text: str
    tracked: list[str]
    actions: str


def trace(sandbox: Sandbox, flow: str, *states: str, larger: bool = False) -> Outcome:
    """``states``: what conntrack finds, one for each time it is asked.  ``larger``: the packet is
    larger than the tunnels carry."""
    text = sandbox.trace(flow, *states)
    names = dict(
        (number, name)
        for name, number in re.findall(r"^\s+(\S+) \d+/(\d+):", sandbox.appctl("dpif/show"), re.M)
    )
    found = re.findall(r"^Datapath actions: (.*)$", text, re.M)
    actions = ",".join(without_size_check(each, larger) for each in found)
    final = re.findall(r"^Final flow: (.*)$", text, re.M)[-1]
    if final == "unchanged":
        final = re.findall(r"^Flow: (.*)$", text, re.M)[-1]
    packet = dict(term.split("=", 1) for term in final.split(",") if "=" in term)
    sent: list = []
    for action in _split(actions):
        tunnel = _VXLAN.search(action)
        if tunnel:
            sent.append((tunnel.group(1), int(tunnel.group(2), 0)))
        elif action.isdigit() and names[action] != "fabric":
            sent.append(names[action])
    return Outcome(sent, packet, text, re.findall(r"\bct\((zone=\d+)\)", actions), actions)


def _split(actions: str) -> list[str]:
    """Cut at the commas outside of parentheses."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(actions):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append(actions[start:place])
            start = place + 1
    return [*parts, actions[start:]]
