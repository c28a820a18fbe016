"""BGP: routes a second and memory, engine to engine and through FRR as a route reflector.

    python -m bench.bgp_routes [--routes 10000,100000] [--no-frr] [--engine native]

Type 2 routes with IPv4 and two labels, of ten RDs and 50 attribute sets.  "seconds" runs from the
call of announce() until the last route is in the other node's hands.  Needs root (namespace).
"""

from __future__ import annotations

import argparse
import statistics
import time

from lab.beds.bgp_bed import Frr, Node, free_port, inside, mac_path, namespace, rss, wait
from ryu_apps.control.messages import PathsReceived
from ryu_apps.peering import Peer

A, B, R = "127.2.0.1", "127.2.0.2", "127.2.0.9"


def table(number: int) -> list:
    return [mac_path("10.1.0.1", n, l3=200)._replace(
        attrs=mac_path("10.1.0.1", n, l3=200, med=n % 50).attrs) for n in range(number)]


def single(first: Node, second: Node, peer: str) -> float:
    """Median milliseconds of one route while nothing else happens."""
    took = []
    for number in range(21):
        path = mac_path("10.1.0.1", 0xF00000 + number)
        began = time.perf_counter()
        first.engine.announce([path])
        while path.nlri not in second.routes.get(peer, ()):
            time.sleep(0.0001)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def run(first: Node, second: Node, peer: str, number: int, frr: Frr | None, label: str) -> None:
    paths = table(number)
    base = second.count(peer)
    began = time.perf_counter()
    first.engine.announce(paths)
    wait(lambda: second.count(peer) - base >= number, f"{number} routes", 300)
    took = time.perf_counter() - began
    memory = f"{rss(first.engine.pid):7.0f} {rss(second.engine.pid):7.0f}"
    memory += f" {frr.rss():7.0f}" if frr else "       -"
    began = time.perf_counter()
    first.engine.withdraw([path.nlri for path in paths])
    wait(lambda: second.count(peer) == base, "their withdrawal", 300)
    gone = time.perf_counter() - began
    print(f"{label:18} {number:8} {took:8.2f} {number / took:10.0f} {gone:10.2f} {memory}",
          flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--routes", default="10000,100000")
    parser.add_argument("--no-frr", action="store_true")
    parser.add_argument("--engine", default="native")
    options = parser.parse_args()
    numbers = [int(text) for text in options.routes.split(",")]
    print(f"{'':18} {'routes':>8} {'seconds':>8} {'routes/s':>10} {'withdraw s':>10} "
          f"{'out MB':>7} {'in MB':>7} {'FRR MB':>7}")
    with namespace() as name:
        with inside(name):
            port = free_port(A)
            first = Node(A, [Peer(B, 65000, passive=True)], port=port, kind=options.engine)
            second = Node(B, [Peer(A, 65000, port=port, connect_retry=0.2)], listen=False,
                          kind=options.engine)
        second.wait_up(A)
        for number in numbers:
            run(first, second, A, number, None, "engine to engine")
        print(f"one route, engine to engine: median {single(first, second, A):.2f} ms")
        received = sum(isinstance(event, PathsReceived) for event in second.events)
        print(f"events posted: {received}")
        first.stop()
        second.stop()
        if options.no_frr:
            return
        for number in numbers:
            frr = Frr(name, R, [A, B])
            with inside(name):
                nodes = [Node(address, [Peer(R, 65000, connect_retry=0.2)], listen=False,
                              kind=options.engine) for address in (A, B)]
            for node in nodes:
                node.wait_up(R)
            run(nodes[0], nodes[1], R, number, frr, "through FRR")
            for node in nodes:
                node.stop()
            frr.stop()


if __name__ == "__main__":
    main()
