"""What ``ovs-appctl ofproto/trace`` prints, as data (ovs-vswitchd(8), "ofproto/trace")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ryu_apps.cli.trace.copies import BEFORE, BEHIND, Copies
from vrouter_ovs.encapsulation import (
    ENCAPSULATIONS,
    MPLS_GRE,
    NVGRE,
    VXLAN,
    encapsulation_name,
)
from vrouter_ovs.schema.registers import REGISTERS

_BRIDGE = re.compile(r'^bridge\("(.*)"\)$')
_STEP = re.compile(r"^\s*(\d+)\. (.*)$")
_RULE = re.compile(r"^(?:(.*), )?priority (\d+)(?:, cookie (0x[0-9a-f]+))?$")
_PORT_IS = re.compile(r"^-> output port is (\d+)$")
_MPLS = r"(?:\badd_mpls\(label=(\d+)[^()]*\),)?"
_TUNNEL_PUSH = re.compile(
    _MPLS + r"tnl_push\(.*?ipv[46]\(src=([^,]*),dst=([^,)]*).*?\b(?:"
    r"(\w+)\([^()]*?\bvni=(0x[0-9a-f]+)|gre\(\([^()]*\),key=(0x[0-9a-f]+)|gre\(\([^()]*\))\)"
)
_TUNNEL_SET = re.compile(
    _MPLS + r"set\(tunnel\((?:tun_id=(0x[0-9a-f]+),)?(?:src=([^,)]*),)?(?:ipv6_)?dst=([^,)]*)"
)


@dataclass
class Step:
    """One table.  ``match`` None: no flow matched.  ``actions`` come with the switch's remarks,
    which begin with "-> " or ">> " (what went wrong)."""

    table: int
    match: str | None
    priority: int | None = None
    cookie: str = ""
    actions: list[str] = field(default_factory=list)


class Output(NamedTuple):
    """``port``: OpenFlow number, -1: back where it came from.  ``problem``: why it was not sent."""

    port: int
    tunnel: bool
    problem: str


class TunnelHeader(NamedTuple):
    """What the datapath puts around the packet.  ``vni``: or the label, where it is MPLS.
    ``src`` is "" where the kernel chooses it.
    ``encap``: the kernel, too, is told by the port alone; then it is what the last copy of the
    packet was marked for."""

    vni: int
    src: str
    dst: str
    encap: str = VXLAN


@dataclass
class Trace:
    """``steps`` and ``outputs`` of the traced bridge; ``final``: the packet's fields at the end.

    What mirrors copy is left out of all but ``datapath``.

    A trace has no packet, hence no size: the switch follows both ways where it would look at one
    (check_pkt_larger, ovs-actions(7)).  Here the packet is one that fits.
    """

    steps: list[Step]
    outputs: list[Output]
    tunnels: list[TunnelHeader]
    final: dict[str, str]
    datapath: str


def parse(text: str, bridge: str) -> Trace:
    """Read a trace of ``bridge``.  Raises ValueError when it is none."""
    steps: list[Step] = []
    here = False
    start: dict[str, str] = {}
    final: dict[str, str] = {}
    datapath: list[str] = []
    copies = Copies()
    for line in copies.without(_fitting(text.splitlines())):
        section = _BRIDGE.match(line)
        if section:
            here = section[1] == bridge
        elif line.startswith("Flow: "):
            start = start or _fields(line[6:])
        elif line.startswith("Final flow: "):
            here = False
            rest = line[12:]
            final = _fields(rest) if rest != "unchanged" else final or start
        elif line.startswith("Datapath actions: "):
            datapath.append(without_size_check(line[18:]))
        elif here and line.strip() and not line.startswith("---"):
            _read_line(line, steps)
    if not datapath or not start:
        raise ValueError(f"this is no trace: {text.strip()[:200]!r}")
    actions = ",".join(datapath)
    outputs = _outputs(steps)
    real = sum(one.tunnel and not one.problem for one in outputs)
    tunnels = _tunnels(actions, _marked(final))
    if copies.tunnels[BEHIND]:
        tunnels = tunnels[copies.tunnels[BEFORE]:][:real]
    elif copies.tunnels[BEFORE]:
        tunnels = tunnels[len(tunnels) - real:]
    return Trace(steps, outputs, tunnels, final, actions)


def _fitting(lines: list[str]) -> Iterator[str]:
    """Without the way of the packet that is too large, which comes first: what follows the check is
    printed once for each way, at the same depth."""
    remaining: str | None = None
    skipping = False
    for line in lines:
        if line.lstrip().startswith("check_pkt_larger("):
            remaining, skipping = "", False
        elif remaining == "":
            remaining, skipping = line, True
            continue
        elif skipping:
            if line != remaining:
                continue
            remaining, skipping = None, False
        yield line


def without_size_check(datapath: str, larger: bool = False) -> str:
    """Datapath actions with each look at the packet's size replaced by what follows from it."""
    while (start := datapath.find("check_pkt_len(")) >= 0:
        end = _closing(datapath, start + len("check_pkt_len"))
        inside = datapath[start:end]
        branch = inside.find("gt(" if larger else "le(")
        taken = inside[branch + 3 : _closing(inside, branch + 2) - 1] if branch >= 0 else "drop"
        datapath = datapath[:start] + taken + datapath[end:]
    return datapath


def _closing(text: str, opening: int) -> int:
    """The place behind the parenthesis that closes the one at ``opening``."""
    depth = 0
    for position in range(opening, len(text)):
        depth += (text[position] == "(") - (text[position] == ")")
        if not depth:
            return position + 1
    return len(text)


def _read_line(line: str, steps: list[Step]) -> None:
    step = _STEP.match(line)
    if step is None:
        if steps:
            steps[-1].actions.append(line.strip())
        return
    rule = _RULE.match(step[2])
    if rule:
        steps.append(Step(int(step[1]), rule[1] or "any", int(rule[2]), rule[3] or ""))
    else:
        steps.append(Step(int(step[1]), None))


def _fields(text: str) -> dict[str, str]:
    """``icmp,in_port=1`` -> {"icmp": "", "in_port": "1"}."""
    return dict(part.partition("=")[::2] for part in text.split(","))


def _outputs(steps: list[Step]) -> list[Output]:
    outputs: list[Output] = []
    for step in steps:
        current: Output | None = None
        for action in step.actions:
            port_is = _PORT_IS.match(action)
            if port_is and current is not None:
                current = current._replace(port=int(port_is[1]))
            elif action.startswith("-> ") and current is not None:
                current = current._replace(tunnel=current.tunnel or "tunnel" in action)
            elif action.startswith(">> ") and current is not None:
                current = current._replace(problem=current.problem or action[3:])
            elif not action.startswith(("-> ", ">> ")):
                if current is not None:
                    outputs.append(current)
                current = _output(action)
        if current is not None:
            outputs.append(current)
    return [one for one in outputs if one.problem != "skipping output to input port"]


def _output(action: str) -> Output | None:
    if action == "IN_PORT":
        return Output(-1, False, "")
    if not action.startswith("output:"):
        return None
    number = action[7:]
    # From a register; the switch's remark says which.
    return Output(int(number) if number.isdigit() else 0, False, "")


def _marked(final: dict[str, str]) -> str:
    """The encapsulation that a packet was marked for."""
    field = REGISTERS["tunnel_type"]
    register = int(final.get(f"reg{field.number}", "0"), 0)
    number = register >> field.offset & (1 << field.nbits) - 1
    return encapsulation_name(number) if number else VXLAN


def _tunnels(datapath: str, marked: str) -> list[TunnelHeader]:
    found = []
    for label, src, dst, encap, vni, key in _TUNNEL_PUSH.findall(datapath):
        if vni:
            found.append(TunnelHeader(int(vni, 16), src, dst, encap))
        elif key:
            found.append(TunnelHeader(_label(int(key, 16), NVGRE), src, dst, NVGRE))
        else:
            found.append(TunnelHeader(int(label or 0), src, dst, MPLS_GRE))
    for label, key, src, dst in _TUNNEL_SET.findall(datapath):
        if label:
            found.append(TunnelHeader(int(label), src, dst, MPLS_GRE))
        elif key:
            found.append(TunnelHeader(_label(int(key, 16), marked), src, dst, marked))
    return found


def _label(key: int, encap: str) -> int:
    row = ENCAPSULATIONS.get(encap)
    return key >> (row.ovs.key_shift if row is not None and row.ovs is not None else 0)
