"""DHCP clients of VMs: busybox's udhcpc and ISC's dhclient, with scripts that touch the VM alone.

The scripts that come with the clients write the host's /etc/resolv.conf; these configure the
namespace's interface and write down everything that the server said.
"""

from __future__ import annotations

import signal
from pathlib import Path

from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon
from lab.wait import wait_until

_UDHCPC = """#!/bin/sh
# udhcpc's script (busybox, networking/udhcp): configures $interface, notes what it was told.
set -eu
note() { env >"$LEASE.new"; echo "event=$1" >>"$LEASE.new"; mv "$LEASE.new" "$LEASE"; }
case "$1" in
deconfig)
    ip -4 address flush dev "$interface"
    ip link set "$interface" up ;;
bound | renew)
    [ -z "${mtu:-}" ] || ip link set "$interface" mtu "$mtu"
    ip -4 address replace "$ip/$mask" dev "$interface"
    if [ -n "${staticroutes:-}" ]; then
        set -- "$1" $staticroutes
        while [ $# -ge 3 ]; do
            hop="via $3"
            [ "$3" != 0.0.0.0 ] || hop="scope link"
            ip -4 route replace "$2" $hop dev "$interface"; event=$1; shift 3
            set -- "$event" "$@"; done
    elif [ -n "${router:-}" ]; then
        ip -4 route replace default via "${router%% *}"
    fi
    note "$1" ;;
nak) note nak ;;
esac
"""

_DHCLIENT = """#!/bin/sh
# dhclient's script (dhclient-script(8)).
set -eu
note() { env >"$LEASE.new"; mv "$LEASE.new" "$LEASE"; }
case "$reason" in
PREINIT) ip link set "$interface" up ;;
BOUND | RENEW | REBIND | REBOOT)
    ip link set "$interface" mtu "${new_interface_mtu:-1500}"
    length=0
    for octet in $(echo "$new_subnet_mask" | tr . ' '); do
        while [ "$octet" -gt 0 ]; do length=$((length + octet % 2)); octet=$((octet / 2)); done
    done
    ip -4 address replace "$new_ip_address/$length" dev "$interface"
    [ -z "${new_routers:-}" ] || ip -4 route replace default via "${new_routers%% *}"
    note ;;
EXPIRE | FAIL | STOP | RELEASE) ip -4 address flush dev "$interface" ;;
esac
"""

_DHCLIENT_CONF = """
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name,
    interface-mtu, rfc3442-classless-static-routes;
timeout 20; retry 5; initial-interval 1; backoff-cutoff 2; reboot 5;
"""

_LEASE_ON_FILE = """lease {{
  interface "{interface}";
  fixed-address {address};
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 86400;
  renew 0 2036/12/28 00:00:00;
  rebind 0 2036/12/28 00:00:00;
  expire 0 2036/12/28 00:00:00;
}}
"""


def _script(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return path


class _Client:
    """``lease``: what the server said last, by the client's own names; {} before."""

    def __init__(self, space: Namespace, journal: Journal, interface: str) -> None:
        self.space = space
        self.directory = journal.directory / f"dhcp-{space.host}"
        self.interface = interface
        self._journal = journal
        self._lease = self.directory / f"{type(self).__name__.lower()}.lease"
        self.daemon: Daemon | None = None

    @property
    def lease(self) -> dict[str, str]:
        try:
            lines = self._lease.read_text().splitlines()
        except OSError:
            return {}
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _run(self, argv: list[str]) -> None:
        self.stop()
        self._lease.unlink(missing_ok=True)
        self.daemon = Daemon(
            self._journal, type(self).__name__.lower(), argv, self.directory, self.space,
            {"LEASE": str(self._lease)},
        )
        self.daemon.start()

    def stop(self) -> None:
        """End it without a word to the server; the address stays configured."""
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon = None

    def wait(self, timeout: float = 20.0, **wanted: str) -> dict[str, str]:
        """The lease, once there is one with these values.  Raises LabTimeout."""

        def there() -> dict[str, str] | None:
            lease = self.lease
            return lease if lease and all(lease.get(k) == v for k, v in wanted.items()) else None

        return wait_until(
            there, f"{self.space.name}: a DHCP lease {wanted or ''}", timeout,
            log=self.daemon.log if self.daemon else None,
        )


class Udhcpc(_Client):
    """busybox's udhcpc."""

    def __init__(self, space: Namespace, journal: Journal, interface: str = "eth0") -> None:
        super().__init__(space, journal, interface)

    def start(self, *options: str) -> None:
        """Run in the foreground of its own process until :meth:`stop`; asks every second."""
        script = _script(self.directory, "udhcpc.sh", _UDHCPC)
        self._run([
            "udhcpc", "-f", "-i", self.interface, "-s", str(script), "-t", "30", "-T", "1",
            "-A", "1", "-O", "mtu", "-O", "staticroutes", *options,
        ])  # fmt: skip

    @property
    def asked(self) -> int:
        """How many requests for a lease it has sent since it was first started here."""
        path = self.directory / "udhcpc.log"
        return path.read_text().count("discover") if path.exists() else 0

    def renew(self) -> None:
        """Ask the server for the same lease again, by unicast (RFC 2131 section 4.4.5)."""
        assert self.daemon is not None
        self._lease.unlink(missing_ok=True)
        self.daemon.signal(signal.SIGUSR1)


class Dhclient(_Client):
    """ISC's dhclient."""

    def __init__(self, space: Namespace, journal: Journal, interface: str = "eth0") -> None:
        super().__init__(space, journal, interface)

    def start(self, remembered: str = "") -> None:
        """Get a lease.  ``remembered``: an address that it believes to hold from an earlier boot,
        so that it asks for that one first (INIT-REBOOT)."""
        script = _script(self.directory, "dhclient.sh", _DHCLIENT)
        config = _script(self.directory, "dhclient.conf", _DHCLIENT_CONF)
        leases = self.directory / "dhclient.leases"
        leases.write_text(
            _LEASE_ON_FILE.format(interface=self.interface, address=remembered)
            if remembered else ""
        )
        self._run([
            "dhclient", "-4", "-d", "-v", "-cf", str(config), "-sf", str(script),
            "-lf", str(leases), "-pf", str(self.directory / "dhclient.pid"),
            "-e", f"LEASE={self._lease}", self.interface,
        ])  # fmt: skip

    @property
    def log(self) -> str:
        """What it has said since it was first started here."""
        path = self.directory / "dhclient.log"
        return path.read_text() if path.exists() else ""
