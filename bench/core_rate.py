"""How fast the control core is, and whether one more port costs the same at any size.

    python -m bench.core_rate [PORTS ...]        (default: 1000 10000)

One World with ``--elements`` hypervisors; networks of ``--network-size`` ports, each routed.  For
each number of ports: the configuration and the claims in one batch; the acknowledgements; then one
more port, ``--repeat`` times: configure, claim, acknowledge, and remove it again, a step each.
Beside it the same ports as routes of a peer.  No switch and no store: the core alone, in
milliseconds of CPU time.
"""

from __future__ import annotations

import argparse
import gc
import pathlib
import statistics
import sys
import time
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import ids
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    Change,
    FixedIp,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.families import EVPN
from ryu_apps.control.kinds import OvsFacts
from ryu_apps.control.routes import Attributes, MacIp, Path
from ryu_apps.control.world import World

ASN = 64512


def mac(number: int) -> str:
    return "fa:16:" + number.to_bytes(4, "big").hex(":")


def address(number: int, size: int) -> str:
    high, low = divmod(2 + number % size, 256)
    return f"10.0.{high}.{low}"


class Site:
    def __init__(self, elements: int, size: int) -> None:
        self.size = size
        self.elements = [f"hypervisor{n}" for n in range(elements)]
        self.world = World(world_settings("node", ASN, restart_deferral=0))
        self.networks: set[int] = set()
        self.step(msg.ConfigLoaded())
        for n, name in enumerate(self.elements):
            vtep = f"172.16.{n // 250}.{n % 250 + 1}"
            info = msg.ElementInfo(name, name, vtep, name, "", OvsFacts("", 0, "br-int", None))
            self.step(owns("node", name))
            self.step(msg.ElementConnected(n, info, (), ()))
        self.acknowledge()

    def step(self, *events: object) -> list:
        for event in events:
            self.world.handle(event, 0.0)
        return self.world.flush(0.0)

    def network(self, number: int) -> list[Change]:
        if number in self.networks:
            return []
        self.networks.add(number)
        net, subnet, router = f"net{number}", f"subnet{number}", f"router{number // 2}"
        interface = Port(
            f"if{number}", net, mac(0xFF000000 + number), device_id=router,
            device_owner=ROUTER_INTERFACE, fixed_ips=(FixedIp(subnet, "10.0.0.1"),),
        )
        found = [
            Change("network", net, Network(net, 1000 + number, number % 65535 + 1)),
            Change("subnet", subnet, Subnet(subnet, net, "10.0.0.0/16")),
            Change("port", interface.id, interface),
        ]
        if number % 2 == 0:
            found.append(
                Change("router", router, Router(router, 500000 + number, number % 65535 + 1))
            )
        return found

    def port(self, number: int) -> list[Change]:
        net = number // self.size
        item = Port(
            f"port{number}", f"net{net}", mac(number),
            fixed_ips=(FixedIp(f"subnet{net}", address(number, self.size)),),
        )
        return [*self.network(net), Change("port", item.id, item)]

    def claim(self, number: int, there: bool = True) -> msg.InterfacesChanged:
        n = number % len(self.elements)
        tap = f"tap{number}"
        row = msg.Interface(tap, f"port{number}", number + 1) if there else None
        return msg.InterfacesChanged(n, self.elements[n], ((tap, row),))

    def acknowledge(self) -> list:
        return self.step(
            *(msg.VrouterAcked(name, one.confirmations.revision)
              for name, one in self.world.elements.accepted.items())
        )

    def route(self, number: int) -> Path:
        net = number // self.size
        vtep = f"192.0.{2 + number % 20}.9"
        targets = tuple(sorted((
            ids.route_target(ASN, 1000 + net), ids.route_target(ASN, 500000 + net // 2 * 2)
        )))
        attrs = Attributes(vtep, targets, router_mac=ids.router_mac(vtep))
        nlri = MacIp(
            f"{vtep}:{net + 1}", 0, mac(0x10000000 + number),
            "10.0." + ".".join(map(str, divmod(30000 + number % self.size, 256))),
        )
        return Path(nlri, attrs, (1000 + net, 500000 + net // 2 * 2))


def timed(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def row(name: str, count: int, seconds: float) -> None:
    print(f"  {name:<44}{seconds * 1000:>10.1f} ms {count / seconds:>12,.0f}/s")


def one_more(site: Site, number: int, repeat: int) -> dict[str, list[float]]:
    """Seconds for each step of one more port, ``repeat`` times."""
    took: dict[str, list[float]] = {"configure": [], "claim": [], "acknowledge": [], "remove": []}
    added = msg.ConfigChanged(tuple(site.port(number)), 0)
    removed = msg.ConfigChanged((Change("port", f"port{number}", None),), 0)
    steps: dict[str, Callable[[], object]] = {
        "configure": lambda: site.step(added),
        "claim": lambda: site.step(site.claim(number)),
        "acknowledge": site.acknowledge,
        "remove": lambda: site.step(site.claim(number, False), removed),
    }
    # The number's port is there already: it becomes the one more.
    steps["remove"]()
    site.acknowledge()
    for _ in range(repeat):
        for name, work in steps.items():
            start = time.process_time()
            work()
            took[name].append(time.process_time() - start)
        site.acknowledge()
    return took


def measure(ports: int, options: argparse.Namespace) -> None:
    site = Site(options.elements, options.network_size)
    changes = tuple(change for number in range(ports) for change in site.port(number))
    claims = [site.claim(number) for number in range(ports)]
    print(f"{ports} ports, {options.elements} hypervisors, networks of {options.network_size}")
    row("bulk: configure", ports, timed(lambda: site.step(msg.ConfigChanged(changes, 0))))
    row("bulk: claim", ports, timed(lambda: site.step(*claims)))
    row("bulk: acknowledge, announce, remote objects", ports, timed(site.acknowledge))
    site.acknowledge()
    objects = sum(map(len, site.world.desired.objects.values()))
    assert len(site.world.ports.active) == ports
    took = one_more(site, ports - 1, options.repeat)
    for name, values in took.items():
        print(
            f"  one more: {name:<34}{statistics.median(values) * 1000:>10.3f} ms median"
            f" {sorted(values)[int(len(values) * 0.95)] * 1000:>9.3f} ms p95"
        )
    paths = tuple(site.route(number) for number in range(ports))
    row("routes of a peer, one batch", ports,
        timed(lambda: site.step(msg.PathsReceived("peer", paths))))
    row("the peer goes away (stale)", ports, timed(lambda: site.step(msg.PeerDown("peer", ""))))
    row("and comes back", ports, timed(
        lambda: site.step(msg.PathsReceived("peer", paths), msg.EndOfRib("peer", EVPN))))
    row("all withdrawn", ports, timed(lambda: site.step(
        msg.PathsReceived("peer", (), tuple(path.nlri for path in paths)))))
    fresh = Site(options.elements, options.network_size)
    events: list = []
    for number in range(ports):
        events += [msg.ConfigChanged(tuple(fresh.port(number)), 0), fresh.claim(number)]

    def one_by_one() -> None:
        for event in events:
            fresh.step(event)

    row("one by one: configure and claim, a step each", len(events), timed(one_by_one))
    print(f"  objects {objects}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ports", type=int, nargs="*", default=[1000, 10000])
    parser.add_argument("--elements", type=int, default=3)
    parser.add_argument("--network-size", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=200)
    options = parser.parse_args()
    for ports in options.ports:
        measure(ports, options)


if __name__ == "__main__":
    main()
