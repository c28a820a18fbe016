"""keepalived in a VM: a virtual router (VRRP) that holds an address together with others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from lab.hosts.vm import Vm
from lab.journal import Journal, process_start
from lab.process import Daemon
from lab.wait import wait_until

_GLOBAL = """global_defs {{
    router_id {name}
    script_user root
}}
"""
_INSTANCE = """vrrp_instance v{number}_{version} {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id {number}
    priority {priority}
    version 3
    advert_int 0.2
    {mac}
    virtual_ipaddress {{
        {address}
    }}
}}
"""


class Keepalived:
    """``addresses``: as "10.0.1.100/24"; an instance for each family.  ``vmac``: they have the
    virtual router's MAC, on an interface of their own, instead of the VM's."""

    def __init__(
        self, vm: Vm, journal: Journal, priority: int, addresses: Iterable[str], number: int = 51,
        vmac: bool = False,
    ) -> None:  # fmt: skip
        self.vm = vm
        self.addresses = list(addresses)
        self._directory = journal.directory / f"keepalived-{vm.space.host}"
        config = self._directory / "keepalived.conf"
        text = _GLOBAL.format(name=vm.space.host)
        for address in self.addresses:
            mac = f"use_vmac vrrp.{number}\n    vmac_xmit_base" if vmac else ""
            text += _INSTANCE.format(
                number=number, version=6 if ":" in address else 4, priority=priority, mac=mac,
                address=address,
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        config.write_text(text)
        self._children = self._directory / "vrrp.pid"
        self.daemon = Daemon(
            journal, "keepalived",
            ["keepalived", "-n", "-l", "-D", "-P", "-f", str(config),
             "-p", str(self._directory / "keepalived.pid"), "-r", str(self._children)],
            self._directory, vm.space,
        )  # fmt: skip

    def start(self) -> None:
        self.daemon.start()

    @property
    def is_master(self) -> bool:
        """Whether the VM has all of the addresses."""
        shown = self.vm.space.run(["ip", "-o", "address", "show"]).stdout
        return all(f" {address.partition('/')[0]}/" in shown for address in self.addresses)

    def wait_master(self, timeout: float = 20.0) -> None:
        wait_until(lambda: self.is_master, f"{self.vm.name} to be master", timeout,
                   log=self.daemon.log)  # fmt: skip

    def kill(self) -> None:
        """kill -9 of all its processes at once: its addresses stay where they are."""
        try:
            child = int(self._children.read_text())
        except (OSError, ValueError):
            child = 0
        # The parent first: it would start another child.
        self.daemon.kill()
        if child and process_start(child):
            os.kill(child, signal.SIGKILL)
            wait_until(lambda: not process_start(child), "the end of keepalived", 5)
        # A dead process that nobody has collected yet would count as running.
        for path in self._directory.glob("*.pid"):
            path.unlink()

    def stop(self) -> None:
        """As its service is stopped: the others hear of it, and its addresses are removed."""
        self.daemon.stop()
