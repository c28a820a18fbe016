"""How fast flows get into one ovs-vswitchd: our sender beside ``ovs-ofctl --bundle add-flows``.

    python bench/openflow_rate.py [--sizes 20000,100000] [--runs 5]

Both put the same flows into the same, emptied switch, in turn, in the same run.  "ours" is from the
Program effect with objects to the event that the switch confirmed it (encoding included); "ofctl"
is the whole command.  The table shows medians, and the ratio of each pair of runs, its median.
"""

from __future__ import annotations

import argparse
import os
import queue
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.beds.openflow_bed import BedApp, Node, Switch, eventually
from lab.beds.option_values import openflow_channels
from ryu_apps import runtime
from ryu_apps.control.messages import Program, VrouterAcked
from vrouter_ovs.state import BridgedHop, Endpoint, Neighbor, RemoteHop, RemoteMac, Route
from vrouter_ovs.wire.encode import ADD, bundle_flow_mod, encode_object

TICKS = os.sysconf("SC_CLK_TCK")


def objects(flows: int) -> list:
    """Remote MACs, neighbors and routes in equal parts that make ``flows`` flows together."""
    found: list = []
    count = number = 0
    while count < flows:
        number += 1
        mac = f"02:00:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:" \
              f"{number >> 8 & 255:02x}:{number & 255:02x}"
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        endpoint = Endpoint(f"192.0.2.{number % 200 + 1}")
        hop = RemoteHop(endpoint, 9001, "02:ff:00:00:00:01")
        for item in (RemoteMac(5001, mac, (BridgedHop(endpoint, 5001),)),
                     Neighbor(5001, address, mac), Route(9001, f"{address}/32", (hop,))):
            if count < flows:
                found.append(item)
                count += len(encode_object(item))
    return found


def encode_only(items: list) -> tuple[float, float, int]:
    """(seconds to encode the objects, seconds to make the bundle's bytes, bytes)."""
    start = time.perf_counter()
    flows = [flow for item in items for flow in encode_object(item)]
    middle = time.perf_counter()
    size = len(b"".join([bundle_flow_mod(1, ADD, flow, xid) for xid, flow in enumerate(flows)]))
    return middle - start, time.perf_counter() - middle, size


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def ours(node: Node, switch: Switch, items: list) -> tuple[float, float, float]:
    """(wall, our processor, vswitchd's processor) seconds."""
    events: queue.SimpleQueue = queue.SimpleQueue()
    southbound = openflow_channels(events.put)
    BedApp.southbound = southbound
    southbound.accept("hv", switch.datapath_id)
    for datapath in list(BedApp.datapaths.values()):
        southbound.connected(datapath)
    eventually(lambda: southbound.status("hv")["connected"], "connected")
    effect = Program("hv", 1, tuple((item.key, item) for item in items))
    own, other = time.process_time(), processor_seconds(switch.vswitchd.pid)
    start = time.perf_counter()
    southbound.program(effect)
    while not isinstance(events.get(timeout=120), VrouterAcked):
        pass
    wall = time.perf_counter() - start
    result = (wall, time.process_time() - own, processor_seconds(switch.vswitchd.pid) - other)
    BedApp.southbound = None
    southbound.stop()
    return result


def ofctl(switch: Switch, file: Path) -> tuple[float, float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    other = processor_seconds(switch.vswitchd.pid)
    start = time.perf_counter()
    subprocess.run(["ovs-ofctl", "-O", "OpenFlow14", "-vconsole:off", "--bundle", "add-flows",
                    switch.bridge, file], env=switch.environment, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used, processor_seconds(switch.vswitchd.pid) - other


def empty(switch: Switch) -> None:
    switch.ofctl("del-flows", switch.bridge)
    time.sleep(0.5)  # vswitchd frees the old flows in the background


def measure(node: Node, switch: Switch, size: int, runs: int) -> list[tuple[str, str]]:
    items = objects(size)
    encoding = [encode_only(items) for _ in range(runs)]
    empty(switch)
    ours(node, switch, items)
    file = switch.directory / "flows.txt"
    file.write_text("\n".join(switch.flows()) + "\n")
    count = len(switch.flows())
    mine, theirs = [], []
    for turn in range(runs):
        for which in ("ours", "ofctl") if turn % 2 else ("ofctl", "ours"):
            empty(switch)
            if which == "ours":
                mine.append(ours(node, switch, items))
            else:
                theirs.append(ofctl(switch, file))
            assert len(switch.flows()) == count
    empty(switch)

    def median(values) -> float:
        return statistics.median(values)

    def row(name: str, results: list) -> tuple[str, str]:
        wall, sender, vswitchd = (median(values) for values in zip(*results, strict=True))
        return name, (f"{wall:8.3f} s  {count / wall:9,.0f}/s   CPU: sender {sender:5.2f} s, "
                      f"vswitchd {vswitchd:5.2f} s")

    encode = median([e[0] for e in encoding])
    pack = median([e[1] for e in encoding])
    ratio = median([m[0] / t[0] for m, t in zip(mine, theirs, strict=True)])
    return [
        (f"{count} flows", f"from {len(items)} objects, {encoding[0][2] / 1e6:.1f} MB, "
                           f"median of {runs}"),
        ("  encode only", f"{encode:8.3f} s  {count / encode:9,.0f}/s"),
        ("  pack only", f"{pack:8.3f} s  {count / pack:9,.0f}/s"),
        row("  ours", mine), row("  ovs-ofctl", theirs),
        ("  ours / ovs-ofctl", f"{ratio:8.2f} of the time"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="20000,100000")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    runtime.tune_collector()  # as the launcher does
    node, switch = Node(), Switch()
    try:
        switch.connect(node.port)
        eventually(lambda: BedApp.datapaths, "the switch connects")
        for size in map(int, arguments.sizes.split(",")):
            for name, text in measure(node, switch, size, arguments.runs):
                print(f"{name:20} {text}", flush=True)
    finally:
        node.close()
        switch.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
