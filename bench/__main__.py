"""``python -m bench [NAME ...]``: run the benchmarks, all or the named ones.

Options after one name are that benchmark's (``python -m bench restart --ports 1000``).
"""

from __future__ import annotations

import argparse
import runpy
import sys

BENCHES = {
    "core": ("bench.core_rate", "the control core alone: events and objects a second"),
    "group-flows": ("bench.group_flows", "flows of security groups in combinations: counts"),
    "openflow": ("bench.openflow_rate", "flow-mods into one ovs-vswitchd, beside ovs-ofctl"),
    "bgp": ("bench.bgp_routes", "routes from engine to engine and through FRR"),
    "first-ping": ("bench.first_ping", "API call to first ping"),
    "alone": ("bench.alone", "ports in bulk, one more port, restarts"),
    "scale": ("bench.scale", "one node with 500 simulated hypervisors and 50,000 ports"),
    "compare": ("bench.compare", "the same beside OVN"),
    "restart": ("bench.restart", "a node, a switch, an owner die under thousands of ports"),
    "edge-flood": ("bench.edge_flood", "a VM that floods: its neighbour and its node"),
    "flood-passes": ("bench.flood_passes", "a frame for all of a network, by ports and VTEPs"),
    "logins": ("bench.logins", "what a client feels of others who guess passwords and tokens"),
    "dataplane": ("bench.dataplane", "CPU seconds per GB, passes, cold-cache RTT"),
    "snat": ("bench.snat", "source translation on a gateway: connections, a full table"),
}


def main() -> None:
    names = "\n".join(f"  {name:<12}{text}" for name, (_, text) in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, epilog=f"benchmarks:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHES, []])
    if len(sys.argv) > 2 and sys.argv[1] in BENCHES and sys.argv[2].startswith("-"):
        names, options = [sys.argv[1]], sys.argv[2:]
    else:
        names, options = parser.parse_args().names or list(BENCHES), []
    for name in names:
        print(f"\n== {name}: {BENCHES[name][1]}", flush=True)
        sys.argv = [f"bench.{name}", *options]
        runpy.run_module(BENCHES[name][0], run_name="__main__")


if __name__ == "__main__":
    main()
