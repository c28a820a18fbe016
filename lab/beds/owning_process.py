"""A node's southbound in a process of its own, so that it can be paused or killed.

``python -m lab.beds.owning_process ADDRESS`` listens at that address of 127.0.0.0/8 and obeys one
line of its standard input at a time; it answers each with a line of JSON:

``bound``                    where it is reached: OVSDB port, OpenFlow target
``own ELEMENT EPOCH COUNT CONTROLLER ...``
                             take the element over, with COUNT remote MACs; who stands by
``churn ELEMENT``            from now on, change flows, groups, meters and tunnel ports all the time
``stand_by ELEMENT``         another node has it
``status ELEMENT``           the vrouter's status, and what was lost to whom
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from typing import Any

from lab.beds.ownership_bed import Listener, OwningNode
from vrouter_ovs.state import (
    ALL,
    BridgedHop,
    Bucket,
    ControllerTarget,
    Endpoint,
    Group,
    LocalPort,
    MeterPool,
    RemoteMac,
    StateObject,
    TunnelPort,
)

EVI = 5001


def remote_macs(count: int, vtep: str = "192.0.2.1") -> list[RemoteMac]:
    hop = BridgedHop(Endpoint(vtep), EVI)
    return [RemoteMac(EVI, f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}", (hop,)) for i in range(count)]


def churned(number: int) -> list[StateObject]:
    """Something else of every kind that a node writes."""
    return [
        *remote_macs(50, f"192.0.2.{number % 200 + 1}"),
        Group(7, ALL, (Bucket(number % 200 + 1),)),
        MeterPool("punt", 1, 4, 100 + number % 50, 50),
        TunnelPort(Endpoint(f"192.0.3.{number % 200 + 1}")),
        # The port's number passes from one port to another, whose connections are forgotten.
        LocalPort(f"port{number}", 40, EVI, "02:00:00:00:00:40", ()),
    ]


def _churn(node: OwningNode, element: str) -> None:
    for number in itertools.count():
        former = LocalPort(f"port{number - 1}", 40, EVI, "02:00:00:00:00:40", ())
        node.program(element, *churned(number), delete=(former.key,))
        time.sleep(0.005)


def _obey(node: OwningNode, command: str, *words: str) -> Any:
    if command == "bound":
        return {"ovsdb": node.bound[2], "controller": node.controller}
    element = words[0]
    if command == "own":
        others = map(ControllerTarget, words[3:])
        node.own(element, int(words[1]), *others, *remote_macs(int(words[2])))
    elif command == "churn":
        threading.Thread(target=_churn, args=(node, element), daemon=True).start()
    elif command == "stand_by":
        node.stand_by(element)
    elif command == "status":
        return {**node.status(element), "lost": node.lost(), "ready": node.is_ready(element)}
    return {}


def main(address: str) -> None:
    node = OwningNode(Listener(), address)
    for line in sys.stdin:
        print(json.dumps(_obey(node, *line.split())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
