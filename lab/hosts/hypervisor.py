"""A hypervisor: a namespace with stock Open vSwitch on the userspace datapath.

Each uplink has a physical bridge: it holds the veth to the underlay and, on its tap, the VTEP
address; ``br-int`` is made by the VNC node once the hypervisor joined.  The switch is started with
``--disable-system`` (no kernel module) and ``--enable-dummy`` (so that ports of type dummy can
stand beside real ones).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.fabric.flat import Fabric, Uplink
from lab.hosts.open_vswitch import installed_version, schema_path
from lab.journal import Journal
from lab.net import CommandError, Namespace, run
from lab.process import Daemon
from lab.wait import wait_until

OPENFLOW = "OpenFlow14"
PREFERRED = ("nice", "-n", "-10")
"""Before other programs, as docs/operations.md advises: a switch that has to wait for the processor
answers BFD late."""


class Hypervisor:
    """``uplinks``: its ways into the underlay, an address each; ``mgmt``: its address on the
    management network."""

    def __init__(
        self, lab: str, name: str, uplinks: tuple[Uplink, ...], mgmt: str, fabric: Fabric,
        journal: Journal,
    ) -> None:
        self.name = name
        self.uplinks = uplinks
        self.vtep = uplinks[0].address
        self.mgmt = mgmt
        self.space = Namespace(lab, name)
        self.directory = journal.directory / name
        self._fabric = fabric
        self._journal = journal
        self.env = {
            "OVS_RUNDIR": str(self.directory),
            "OVS_LOGDIR": str(self.directory),
            "OVS_DBDIR": str(self.directory),
            "OVS_SYSCONFDIR": str(self.directory),
        }
        self.database = Daemon(
            journal, "ovsdb-server",
            [
                "ovsdb-server", f"{self.directory}/conf.db",
                f"--remote=punix:{self.directory}/db.sock",
                "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
                # As the distribution's ovs-ctl(8) has it: what ovs-vsctl set-ssl says.
                "--private-key=db:Open_vSwitch,SSL,private_key",
                "--certificate=db:Open_vSwitch,SSL,certificate",
                "--ca-cert=db:Open_vSwitch,SSL,ca_cert",
                f"--unixctl={self.directory}/ovsdb-server.ctl",
                f"--pidfile={self.directory}/ovsdb-server.pid", "--overwrite-pidfile",
            ],
            self.directory, self.space, self.env,
        )
        self.switch = Daemon(
            journal, "ovs-vswitchd",
            [
                *PREFERRED, "ovs-vswitchd", f"unix:{self.directory}/db.sock", "--enable-dummy",
                "--disable-system", f"--unixctl={self.directory}/ovs-vswitchd.ctl",
                f"--pidfile={self.directory}/ovs-vswitchd.pid", "--overwrite-pidfile",
            ],
            self.directory, self.space, self.env,
        )

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Create the namespace, attach it to both fabrics, start Open vSwitch."""
        self.space.create(self._journal)
        self._fabric.attach_hypervisor(self.space, self.uplinks, self.mgmt)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.start_database()
        self._name()
        self.start_switch()
        self._make_physical_bridges()

    def _name(self) -> None:
        """What an installer writes into an empty database."""
        self.vsctl("--no-wait", "init")
        self.vsctl(
            "--no-wait", "--", "set", "Open_vSwitch", ".", f"ovs_version={installed_version()}",
            f"external_ids:system-id={self.name}",
            f"external_ids:hostname={self.name}",
        )

    def _make_physical_bridges(self) -> None:
        for uplink in self.uplinks:
            self.vsctl(
                "--may-exist", "add-br", uplink.bridge, "--", "set", "Bridge", uplink.bridge,
                "datapath_type=netdev", "fail_mode=standalone", "--",
                "--may-exist", "add-port", uplink.bridge, uplink.interface,
                *(["--", "set-controller", uplink.bridge, uplink.service] if uplink.service
                  else []),
            )
        self.put_vtep_addresses()

    def start_database(self) -> None:
        """Start ovsdb-server; make an empty database first where there is none."""
        database = self.directory / "conf.db"
        if not database.exists():
            run(
                ["ovsdb-tool", "create", str(database), str(schema_path())],
                env={**os.environ, **self.env},
            )
        # A socket that a killed server left behind would look ready.
        for stale in ("db.sock", "ovsdb-server.ctl"):
            (self.directory / stale).unlink(missing_ok=True)
        self.database.start()
        self.database.wait_ready(
            lambda: (self.directory / "ovsdb-server.ctl").exists()
            and self.appctl("version", target="ovsdb-server", check=False),
            "its control socket",
        )

    def start_switch(self) -> None:
        """Start ovs-vswitchd and wait until it follows the database."""
        (self.directory / "ovs-vswitchd.ctl").unlink(missing_ok=True)
        self.switch.start()
        self.switch.wait_ready(
            lambda: (self.directory / "ovs-vswitchd.ctl").exists()
            and self.appctl("version", check=False),
            "its control socket",
        )
        # Where a bare `ovs-appctl` looks for it, as on any hypervisor.
        pid = (self.directory / "ovs-vswitchd.pid").read_text().strip()
        usual = self.directory / f"ovs-vswitchd.{pid}.ctl"
        usual.unlink(missing_ok=True)
        usual.symlink_to("ovs-vswitchd.ctl")
        # Returns when the switch has caught up with the database.
        self.vsctl("add", "Open_vSwitch", ".", "external_ids", "lab-started=1")

    def put_vtep_addresses(self) -> None:
        """Put the VTEP addresses and their routes on the physical bridges' taps, which are new ones
        after every start."""
        for uplink in self.uplinks:
            bridge = uplink.bridge
            wait_until(
                lambda bridge=bridge: self._has_device(bridge), f"{self.name}: the tap of {bridge}",
                log=self.switch.log,
            )
            self.space.batch([
                f"link set {bridge} up",
                f"address replace {uplink.address}/{uplink.length} dev {bridge}",
                *(f"route replace {prefix} via {gateway} dev {bridge} src {uplink.address}"
                  for prefix, gateway in uplink.routes),
            ])  # fmt: skip

    def _has_device(self, name: str) -> bool:
        return self.space.run(["ip", "link", "show", name], check=False).returncode == 0

    def crash_switch(self) -> None:
        """kill -9 of ovs-vswitchd."""
        self.switch.kill()

    def restart_switch(self) -> None:
        """Start ovs-vswitchd again after :meth:`crash_switch`."""
        self.start_switch()
        self.put_vtep_addresses()

    def reboot(self) -> None:
        """Both daemons end as they do when the power fails, and start; the bridges' taps are new
        ones, the database is as it was."""
        self.switch.kill()
        self.database.kill()
        self.start_database()
        self.restart_switch()

    def lose_database(self) -> None:
        """ovsdb-server comes back with an empty database, in which the host is set up as at first:
        it has to join again, and its ports have to be plugged again."""
        self.database.kill()
        (self.directory / "conf.db").unlink()
        self.start_database()
        self._name()
        self._make_physical_bridges()

    def move_vtep(self, address: str) -> None:
        """Give the first VTEP another address, as an administrator does."""
        first, *others = self.uplinks
        self.space.batch([f"address delete {first.address}/{first.length} dev {first.bridge}"])
        self.uplinks = (dataclasses.replace(first, address=address), *others)
        self.vtep = address
        self.put_vtep_addresses()
        self.vsctl("set", "Open_vSwitch", ".",
                   f"external_ids:vnc-encap-ip={self._fabric.encap_ip(self.uplinks)}")

    def join(self, targets: Iterable[str], vtep: str | None = None) -> None:
        """The one command by which a hypervisor joins.  ``targets``: "tcp:ADDRESS:6640"."""
        self.vsctl(
            "set-manager", *targets, "--",
            "set", "Open_vSwitch", ".", f"external_ids:vnc-encap-ip="
            f"{vtep or self._fabric.encap_ip(self.uplinks)}",
        )

    def leave(self) -> None:
        self.vsctl("del-manager")

    # ------------------------------------------------------------ commands

    def run(
        self, argv: Sequence[str], check: bool = True, timeout: float = 30.0,
        stdin: str | None = None,
    ) -> str:
        """Run a command in the namespace with the environment that finds this Open vSwitch."""
        done = self.space.run(
            argv, timeout=timeout, check=check, stdin=stdin, env={**os.environ, **self.env}
        )
        return done.stdout

    def vsctl(self, *words: str, timeout: int = 20) -> str:
        """One ovs-vsctl transaction (ovs-vsctl(8)); waits for the switch to carry it out."""
        return self.run(["ovs-vsctl", f"--timeout={timeout}", *words], timeout=timeout + 5)

    def appctl(self, *words: str, target: str = "ovs-vswitchd", check: bool = True) -> str:
        return self.run(
            ["ovs-appctl", "--timeout=10", "-t", f"{self.directory}/{target}.ctl", *words], check
        )

    def ofctl(self, *words: str, check: bool = True) -> str:
        return self.run(["ovs-ofctl", "-O", OPENFLOW, *words], check)

    def flows(self, bridge: str = "br-int") -> list[str]:
        """The flows of a bridge as ovs-ofctl prints them, a line each; [] without the bridge."""
        try:
            text = self.ofctl("--no-stats", "dump-flows", bridge)
        except CommandError:
            return []
        return [line.strip() for line in text.splitlines() if "priority=" in line or "actions" in
                line]

    # ------------------------------------------------------------ ports

    def plug(self, interface: str, port_id: str, wait: bool = True) -> None:
        """Give an interface of the namespace to br-int as the API's port ``port_id``."""
        self.vsctl(*([] if wait else ["--no-wait"]), *self._plug_words(interface, port_id))

    def plug_many(self, ports: Iterable[tuple[str, str]]) -> None:
        """:meth:`plug` for many (interface, port id) pairs in one transaction."""
        words: list[str] = []
        for interface, port_id in ports:
            words += ["--", *self._plug_words(interface, port_id)]
        if words:
            self.vsctl(*words[1:], timeout=120)

    def plug_dummies(self, ports: Iterable[tuple[str, str]], wait: bool = True) -> None:
        """Add ports without a device, (name, port id) each, in one transaction: thousands fit."""
        words: list[str] = []
        for name, port_id in ports:
            words += [
                "--", "add-port", "br-int", name, "--", "set", "Interface", name, "type=dummy",
                f"external_ids:iface-id={port_id}",
            ]
        if words:
            self.vsctl(*([] if wait else ["--no-wait"]), *words, timeout=300)

    def unplug(self, *interfaces: str, wait: bool = True) -> None:
        words: list[str] = []
        for interface in interfaces:
            words += ["--", "--if-exists", "del-port", "br-int", interface]
        if words:
            self.vsctl(*([] if wait else ["--no-wait"]), *words, timeout=120)

    @staticmethod
    def _plug_words(interface: str, port_id: str) -> list[str]:
        return [
            "--may-exist", "add-port", "br-int", interface, "--",
            "set", "Interface", interface, f"external_ids:iface-id={port_id}",
        ]

    def wait_bridge(self, timeout: float = 30.0) -> None:
        """Wait until the node made br-int and the switch speaks OpenFlow on it."""
        socket = Path(self.directory) / "br-int.mgmt"
        wait_until(socket.exists, f"{self.name}: br-int made by its node", timeout,
                   log=self.switch.log)
