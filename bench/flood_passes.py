"""What it costs to send one frame to all of a network: ``python -m bench flood-passes``.

A switch with a dummy datapath has so many ports of one network, and so many remote VTEPs of it.
Shown, in processor time of ovs-vswitchd: the first frame of a flow, which is translated, and each
one after it, through what was translated; in all and for a copy.  ``reached``: whether each port
and VTEP got one copy.
"""

from __future__ import annotations

import argparse
import re
import time

from bench.processes import parse_stat
from lab.beds.sandbox import Sandbox
from lab.traffic import packets as p
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    BridgedHop,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    LocalPort,
    Policy,
    Rule,
    StateObject,
    Tunnel,
    Vrouter,
    flood_parts,
)

VTEP, TUNNEL = "192.0.2.2", 60000
POLICIES = {"open": 0, "stateless": 0x55, "stateful": 0x44}
TRANSLATED, FORWARDED = 20, 50
"""Frames that are measured."""


def mac(number: int) -> str:
    return f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"


def address(number: int) -> str:
    return f"10.1.{number >> 8}.{number & 255}"


def objects(ports: int, remotes: int, policy: int) -> list[StateObject]:
    floods: list[Flood | FloodRemotes] = [Flood(100, tuple(range(1, ports + 1)))]
    if remotes:
        hops = tuple(BridgedHop(Endpoint(VTEP), 100 + number) for number in range(remotes))
        floods.append(FloodRemotes(100, hops))
    return [
        Vrouter("02:00:00:00:00:01"), Evi(100), Tunnel(Endpoint(VTEP), TUNNEL), *floods,
        *(parts for flood in floods if (parts := flood_parts(flood)) is not None),
        *rules(policy),
        *(LocalPort(f"p{n}", n, 100, mac(n), ((mac(n), address(n)),), policy=policy)
          for n in range(1, ports + 1)),
    ]  # fmt: skip


def rules(policy: int) -> list[StateObject]:
    """A set that lets everything pass."""
    stateful = policy == POLICIES["stateful"]
    ways = [Rule(policy, way, 4, stateful=stateful) for way in (EGRESS, INGRESS)]
    return [Policy(policy, stateful=stateful), *ways] if policy else []


def sent(sandbox: Sandbox) -> dict[str, int]:
    """Frames that left by each port."""
    text = sandbox.appctl("dpctl/show", "--statistics")
    found = re.findall(r"port \d+: ([\w-]+).*?TX packets:(\d+)", text, re.S)
    return {name: int(count) for name, count in found}


def used(sandbox: Sandbox) -> float:
    """Seconds of ovs-vswitchd."""
    with open(f"/proc/{sandbox.processes[-1].pid}/stat") as stat:
        return parse_stat(stat.read()).cpu


def measure(ports: int, remotes: int, kind: str) -> str:
    source, everybody = address(1), "255.255.255.255"
    datagram = p.ipv4(source, everybody, p.UDP, p.udp(source, everybody, 4000, 5000, bytes(40)))
    frame = p.ethernet(mac(1), p.BROADCAST, p.IPV4, datagram).hex()
    sandbox = Sandbox()
    sandbox.start()
    try:
        for first in range(1, ports + 1, 100):
            sandbox.add_ports(*range(first, min(first + 100, ports + 1)))
        sandbox.add_underlay()
        sandbox.add_tunnel(TUNNEL, VTEP)
        client = sandbox.connect()
        client.install(objects(ports, remotes, POLICIES[kind]))
        client.close()
        before = sent(sandbox)
        sandbox.appctl("netdev-dummy/receive", "p1", frame)
        time.sleep(1)
        after = sent(sandbox)
        reached = all(after[f"p{n}"] - before[f"p{n}"] == 1 for n in range(2, ports + 1))
        reached = reached and after["fabric"] - before["fabric"] == remotes

        def each(frames: int, *commands: tuple[str, ...]) -> float:
            began = used(sandbox)
            for _ in range(frames):
                for command in commands:
                    sandbox.appctl(*command)
            return (used(sandbox) - began) / frames

        receive, purge = ("netdev-dummy/receive", "p1", frame), ("revalidator/purge",)
        forwarded = each(FORWARDED, receive)
        translated = each(TRANSLATED, purge, receive)
    finally:
        sandbox.stop()
    copies = ports - 1 + remotes
    return (f"{ports:>6}{remotes:>9}  {kind:<10}{translated * 1e3:>12.1f}{forwarded * 1e3:>12.2f}"
            f"{forwarded / copies * 1e6:>12.1f}  {'yes' if reached else 'NO'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", nargs="+", type=int, default=[100, 400, 600, 1200])
    parser.add_argument("--remotes", nargs="+", type=int, default=[0])
    parser.add_argument("--kinds", nargs="+", choices=[*POLICIES], default=[*POLICIES])
    options = parser.parse_args()
    print(f"{'ports':>6}{'remotes':>9}  {'groups':<10}{'first ms':>12}{'each ms':>12}"
          f"{'copy us':>12}  reached")
    for ports in options.ports:
        for remotes in options.remotes:
            for kind in options.kinds:
                print(measure(ports, remotes, kind), flush=True)


if __name__ == "__main__":
    main()
