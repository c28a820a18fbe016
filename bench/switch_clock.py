"""When an ovs-vswitchd that starts is how far: its ports made, OpenFlow answered, flows there.

The switch itself is asked, over its database and its management socket, and nobody else.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Callable

from bench import processes
from bench.idle import numbers, wait_done
from bench.ovsdb import OvsdbClient
from lab.beds.sandbox import OpenFlow
from lab.hosts.hypervisor import Hypervisor
from vrouter_ovs.wire.encode import flow_stats_request

MULTIPART_REPLY, AGGREGATE = 19, 2
PATIENCE = 600.0
"""Seconds that a switch may take for anything; it makes all its ports before it answers."""


def flow_count(switch: OpenFlow) -> int:
    """How many flows the bridge has, as ``ovs-ofctl dump-aggregate`` says: they are counted by the
    switch and not sent (OpenFlow 1.4, 7.3.5.3)."""
    xid = switch.next_xid()
    request = flow_stats_request(xid)
    switch.send(request[:8] + AGGREGATE.to_bytes(2, "big") + request[10:])
    reply, _ = switch.until(MULTIPART_REPLY, xid)
    return struct.unpack_from("!I", reply, 32)[0]


class SwitchClock:
    """Of one start of ``hypervisor``'s switch, which is dead as this is made; ``flows``: what full
    tables have.

    Times are of time.monotonic(), None until it is so.  ``ports``: ovs-vswitchd has made all that
    its database names.  ``answered``: br-int has answered OpenFlow's hello.  ``first``: it has
    flows.  ``full``: all of them.  ``cpu``: CPU seconds of ovs-vswitchd between these two.
    """

    def __init__(self, hypervisor: Hypervisor, flows: int, interval: float = 0.05) -> None:
        self.ports: float | None = None
        self.answered: float | None = None
        self.first: float | None = None
        self.full: float | None = None
        self.cpu = 0.0
        self._hypervisor = hypervisor
        self._socket = hypervisor.directory / "br-int.mgmt"
        self._flows = flows
        self._interval = interval
        self._ended = threading.Event()
        self._database = OvsdbClient(hypervisor.directory / "db.sock", "Open_vSwitch")
        self._database.monitor({"Open_vSwitch": ["cur_cfg", "next_cfg"]})
        self._wanted = numbers(self._database.tables)[0] + 1
        self._database.transact([{"op": "mutate", "table": "Open_vSwitch", "where": [],
                                  "mutations": [["next_cfg", "+=", 1]]}])
        self._threads = [self._run(self._follow_database), self._run(self._ask_switch)]

    @staticmethod
    def _run(target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        return thread

    def _follow_database(self) -> None:
        wait_done(self._database, self._wanted)
        self.ports = time.monotonic()
        self._database.close()

    def _ask_switch(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):  # Its socket is the dead one's, or not there yet.
                switch = OpenFlow(str(self._socket), PATIENCE)
                break
            time.sleep(0.01)
        else:
            return
        self.answered, used = time.monotonic(), self._used()
        while not self._ended.is_set():
            count = flow_count(switch)
            if count and self.first is None:
                self.first = time.monotonic()
            if count == self._flows:
                self.full, self.cpu = time.monotonic(), round(self._used() - used, 2)
                break
            time.sleep(self._interval)
        switch.close()

    def _used(self) -> float:
        return processes.snapshot({"switch": self._hypervisor.switch.pid})["switch"].cpu

    def wait(self, timeout: float) -> None:
        """Until everything is there; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._ended.set()
        if self.full is None or self.ports is None:
            raise TimeoutError(f"the switch was not full within {timeout:g} s: {self.since(0.0)}")

    def since(self, begun: float) -> dict[str, float | None]:
        """The times in seconds from ``begun``."""
        return {
            name: None if at is None else round(at - begun, 3)
            for name, at in (("all ports made", self.ports), ("hello answered", self.answered),
                             ("first flows", self.first), ("full tables", self.full))
        }
