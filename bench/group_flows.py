"""Flows that security groups cost a hypervisor, where they are combined in every way.

    python -m bench.group_flows

A World with one hypervisor and no switch: how many flows its vrouter would hold, in all and for
security groups.  These are counts, the same on every machine.

default        ports of one group that names itself, beside what the same ports cost without
combinations   ports with 2 to 5 of 10 groups, each with rules for 3 of them
ring           ports with some of 16 groups, each with a long range of ports for the next one
addresses      5 ranges of ports for an address group of 4,096 prefixes
"""

from __future__ import annotations

import pathlib
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    AddressGroup,
    Change,
    FixedIp,
    Network,
    Port,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from ryu_apps.control.kinds import OvsFacts
from ryu_apps.control.world import World
from vrouter_ovs.state import FLOWS, TARGET_OF
from vrouter_ovs.wire.encode import encode_object

ELEMENT, PROJECT = "hypervisor", "project"
KINDS = ("policy", "membership", "rule", "peer")
"""Kinds of state objects that security groups are made of."""


def group(number: int) -> Change:
    name = f"group{number}"
    return Change("security_group", name, SecurityGroup(name, project_id=PROJECT))


def rule(number: int, of: int, first: int, last: int, **remote: str) -> Change:
    """TCP ports that the group ``of`` lets in, with the number of its other side."""
    name = f"rule{number}"
    return Change("security_group_rule", name, SecurityGroupRule(
        name, f"group{of}", "ingress", "IPv4", "tcp", first, last, project_id=PROJECT, **remote
    ))  # fmt: skip


def ports(sets: Iterable[Iterable[int]]) -> Iterator[Change]:
    """A port for each list of numbers of groups."""
    for number, groups in enumerate(sets):
        yield Change("port", f"port{number}", Port(
            f"port{number}", "net", "fa:16:3e:" + number.to_bytes(3, "big").hex(":"),
            fixed_ips=(FixedIp("subnet", f"10.0.{number // 250}.{number % 250 + 2}"),),
            security_groups=tuple(f"group{one}" for one in groups), project_id=PROJECT,
        ))  # fmt: skip


def without_groups() -> list[Change]:
    return list(ports([()] * 1000))


def default() -> list[Change]:
    return [group(0), rule(0, 0, -1, -1, remote_group_id="group0"), *ports([(0,)] * 1000)]


def combinations() -> list[Change]:
    """As in a public report of a tenant who filled a switch."""
    chosen = random.Random(1)
    rules = [
        rule(3 * of + nth, of, 22, 22, remote_group_id=f"group{other}")
        for of in range(10) for nth, other in enumerate(chosen.sample(range(10), 3))
    ]
    sets = [chosen.sample(range(10), chosen.randint(2, 5)) for _ in range(180)]
    return [*map(group, range(10)), *rules, *ports(sets)]


def ring() -> list[Change]:
    chosen = random.Random(1)
    rules = [
        rule(of, of, 1, 65535 - of, remote_group_id=f"group{(of + 1) % 16}") for of in range(16)
    ]
    sets = [range(16)] * 20
    sets += [chosen.sample(range(16), chosen.randint(1, 16)) for _ in range(60)]
    return [*map(group, range(16)), *rules, *ports(sets)]


def addresses() -> list[Change]:
    prefixes = tuple(
        f"172.{16 + (n >> 12)}.{n >> 4 & 255}.{(n & 15) * 16}/29" for n in range(4096)
    )
    ranges = [
        rule(n, 0, 1000 * (n + 1), 1000 * (n + 1) + 500, remote_address_group_id="addresses")
        for n in range(5)
    ]
    made = AddressGroup("addresses", addresses=prefixes, project_id=PROJECT)
    return [group(0), Change("address_group", "addresses", made), *ranges, *ports([(0,)])]


CASES: dict[str, Callable[[], list[Change]]] = {
    "without groups": without_groups, "default": default, "combinations": combinations,
    "ring": ring, "addresses": addresses,
}  # fmt: skip


def counts(changes: list[Change]) -> Counter[str]:
    """The flows of a hypervisor with all the ports, by kind of state object; "sets": its policy
    sets."""
    world = World(world_settings("node", 64512))
    base = [
        Change("network", "net", Network("net", 1000, 1, project_id=PROJECT)),
        Change("subnet", "subnet", Subnet("subnet", "net", "10.0.0.0/16")),
    ]
    world.step(msg.ConfigChanged((*base, *changes), 1), 0.0)
    world.step(owns("node", ELEMENT), 0.0)
    info = msg.ElementInfo(
        ELEMENT, ELEMENT, "192.0.2.1", ELEMENT, "", OvsFacts("", 0, "br-int", None)
    )
    plugged = tuple(
        msg.Interface(f"tap{number}", change.id, number) for number, change in
        enumerate((one for one in changes if one.kind == "port"), 1)
    )
    world.step(msg.ElementConnected(1, info, plugged, ()), 0.0)
    found: Counter[str] = Counter()
    for item in world.desired.objects[ELEMENT].values():
        if TARGET_OF[item.kind] == FLOWS:
            found[item.kind] += len(encode_object(item))
    return found + Counter(sets=len(world.policies.present))


def main() -> None:
    print(f"{'case':<16}{'sets':>6}{'flows':>9}{'of groups':>11}   by kind")
    for name, changes in CASES.items():
        begun = time.process_time()
        found = counts(changes())
        sets, total = found.pop("sets", 0), found.total()
        kinds = {kind: found[kind] for kind in KINDS}
        print(f"{name:<16}{sets:>6}{total:>9,}{sum(kinds.values()):>11,}   "
              f"{kinds}, {time.process_time() - begun:.1f} s of CPU")  # fmt: skip


if __name__ == "__main__":
    main()
