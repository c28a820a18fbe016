"""Time from the API call to the first echo reply: ``python -m bench.first_ping [--runs 10]``.

The VM's namespace and its wire exist; timed are POST /v2.0/ports, the plug (ovs-vsctl) and all
until a ping from a VM on another node's hypervisor is answered.
"""

from __future__ import annotations

import argparse
import statistics

from lab.demo.timing import time_first_ping
from lab.tenants import new_tenant
from lab.topology import Lab


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    with Lab("vncbench") as lab:
        lab.wait_converged()
        tenant = new_tenant("red", next(iter(lab.nodes.values())).client)
        tenant.create_vms(lab)
        tenant.wait_active()
        times = []
        for i in range(options.runs):
            times.append(time_first_ping(lab, tenant, f"web{50 + i}") * 1000)
            tenant.remove_vm(lab, f"web{50 + i}")
    print(f"API call to first ping, {options.runs} runs: median {statistics.median(times):.0f} ms, "
          f"min {min(times):.0f}, max {max(times):.0f}")


if __name__ == "__main__":
    main()
