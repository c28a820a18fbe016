"""Three VMs of which one sends what it may not, and two ears: what reached whom."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from typing import Any

from lab.hosts.vm import PortSpec, Vm
from lab.spoofing import MARK, MARK_SIZE, ROWS, Aim, Party
from lab.topology import Lab
from lab.traffic import packets
from lab.traffic.inside import link
from lab.wait import LabTimeout, wait_until

CIDR4, CIDR6 = "10.74.0.0/24", "fd74::/64"
LAYOUT = {"sender": "hv1", "near": "hv1", "far": "hv3"}
AIMS = ("near", "far", "all")
SO_RCVBUFFORCE = 33
MARKS = re.compile(re.escape(MARK) + b".{%d}" % (MARK_SIZE - len(MARK)), re.S)

Sent = list[tuple[str, str, Aim]]
"""(row, name of the aim, the aim) of everything that was sent."""


class Ear:
    """Remembers the marks of all frames that reach a VM."""

    def __init__(self, vm: Vm) -> None:
        self.heard: set[bytes] = set()
        self._socket = link(vm.space, listen=True)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self._socket.settimeout(0.2)
        self._done = False
        self._thread = threading.Thread(target=self._listen, name=f"ear {vm.name}", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._done:
            try:
                self.heard.update(MARKS.findall(self._socket.recv(65535)))
            except TimeoutError:
                continue

    def close(self) -> None:
        self._done = True
        self._thread.join()
        self._socket.close()


class SpoofBed:
    """Three VMs in one network, in a group that lets everything in and out: what does not arrive,
    no policy has dropped.  ``tracked``: with tracked connections, hence fragments put together."""

    def __init__(self, lab: Lab, tracked: bool) -> None:
        self.lab, self.tracked = lab, tracked
        self.client = lab.nodes["node1"].client
        create = self.client.create
        self.network = create("network", name=f"spoof-{tracked}")
        subnet4 = create("subnet", network_id=self.network["id"], cidr=CIDR4)
        subnet6 = create("subnet", network_id=self.network["id"], cidr=CIDR6, ip_version=6)
        self.router = create("router", name=f"spoof-{tracked}")
        gateway: dict[int, dict[str, Any]] = {}
        for version, subnet in ((4, subnet4), (6, subnet6)):
            made = self.client.add_router_interface(self.router["id"], subnet["id"])
            gateway[version] = self.client.show("port", made["port_id"])
        # The MAC of either gateway will do: no port of a VM has them.
        self.gateway = Party(gateway[6]["mac_address"], subnet4["gateway_ip"],
                             subnet6["gateway_ip"])
        group = self._open_group()
        self.parties: dict[str, Party] = {}
        self.vms: dict[str, Vm] = {}
        wanted = []
        for name, hypervisor in LAYOUT.items():
            port = create("port", network_id=self.network["id"], security_groups=[group])
            ip4, ip6 = sorted((one["ip_address"] for one in port["fixed_ips"]),
                              key=lambda address: ":" in address)
            self.parties[name] = Party(port["mac_address"], ip4, ip6)
            wanted.append((f"{'t' if tracked else 'b'}{name}", hypervisor,
                           PortSpec.from_api(port, subnet4)))
        for name, vm in zip(LAYOUT, lab.add_vms(wanted), strict=True):
            self.vms[name] = vm
        self.client.wait_ports([vm.port.id for vm in self.vms.values()])
        self.out = link(self.vms["sender"].space)
        self.ears = {name: Ear(self.vms[name]) for name in ("near", "far")}
        wait_until(lambda: self.heard_by_all(self.aim("all")), "both VMs to be reached", 30)

    def _open_group(self) -> str:
        body = {"name": f"spoof-{self.tracked}", "stateful": self.tracked}
        answer = self.client.post("/v2.0/security-groups", {"security_group": body})
        group = answer["security_group"]["id"]
        for ethertype in ("IPv4", "IPv6"):
            rule = {"security_group_id": group, "direction": "ingress", "ethertype": ethertype}
            self.client.post("/v2.0/security-group-rules", {"security_group_rule": rule})
        return group

    def stop(self) -> None:
        """Send and listen no more."""
        for ear in self.ears.values():
            ear.close()
        self.out.close()

    def close(self) -> None:
        """:meth:`stop`, and remove the VMs and their ports."""
        self.stop()
        for vm in self.vms.values():
            vm.delete()
            self.client.remove("port", vm.port.id)

    def aim(self, name: str) -> Aim:
        own, other = self.parties["sender"], self.parties["far" if name == "near" else "near"]
        if name == "all":
            return Aim(own, packets.BROADCAST, "255.255.255.255", "ff02::1", other, self.gateway)
        to = self.parties[name]
        return Aim(own, to.mac, to.ip4, to.ip6, other, self.gateway)

    def heard_by_all(self, aim: Aim) -> bool:
        """Whether a good datagram reaches both VMs."""
        mark = aim.ok()
        self.out.send(aim.udp4(mark))
        time.sleep(0.1)
        return all(mark in ear.heard for ear in self.ears.values())

    def send(self, stop: float = float("inf")) -> Sent:
        """All rows to each aim, or as many as there is time for until ``stop`` (monotonic clock);
        what came of it is in the ears."""
        sent: Sent = []
        for row, build in ROWS.items():
            if time.monotonic() > stop:
                break
            for name in AIMS:
                # A switch that gets no processor drops frames: what may arrive has three tries.
                for attempt in range(3):
                    aim = self.aim(name)
                    sent.append((row, name, aim))
                    for number, frame in enumerate(build(aim)):
                        self.out.send(frame)
                        if number % 16 == 15:
                            time.sleep(0.005)  # Each is one that the switch must look at anew.
                    with contextlib.suppress(LabTimeout):
                        wait_until(lambda a=aim, n=name: not self.lost(a, n), "good frames", 2)
                        break
                    print(f"{row} to {name}: attempt {attempt} lost {self.lost(aim, name)}")
        return sent

    def lost(self, aim: Aim, name: str) -> list[int]:
        """Which of the good frames have not reached all to whom they were sent."""
        ears = [ear for listener, ear in self.ears.items() if name in (listener, "all")]
        return [number for number, mark in enumerate(aim.good)
                if not all(mark in ear.heard for ear in ears)]

    def settle(self) -> None:
        """What was sent has arrived, or never will."""
        wait_until(lambda: self.heard_by_all(self.aim("all")), "the last frame", 30)
        time.sleep(0.5)

    def leaked(self, sent: Sent) -> list[str]:
        """What of it reached somebody, though it was sent in the name of others, or to others."""
        found = []
        for row, name, aim in sent:
            forged = aim.bad + (aim.late if self.tracked else [])
            for listener, ear in self.ears.items():
                marks = [forged.index(mark) for mark in forged if mark in ear.heard]
                if marks:
                    found.append(f"{row} to {name} reached {listener}: {marks} of {len(forged)}")
                if name not in (listener, "all") and ear.heard.intersection(aim.good):
                    found.append(f"{row} to {name}: good frames reached {listener}")
        return found
