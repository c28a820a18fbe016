"""Network namespaces and the veth pairs between them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence

from lab.journal import Journal, netns_inode

OFFLOADS = ("tx", "rx", "tso", "gso", "gro", "sg")
"""Switched off at both ends of every veth: the userspace datapath sends frames on without
computing the checksums or cutting the segments that an offload left undone."""


class CommandError(Exception):
    """A command failed; the text has the command line and what it printed."""


def run(
    argv: Sequence[str],
    timeout: float = 30.0,
    check: bool = True,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.  Raises CommandError when it fails (with ``check``) or is late."""
    try:
        done = subprocess.run(
            list(argv), input=stdin, capture_output=True, text=True, errors="replace",
            timeout=timeout, env=env, check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{_show(argv)}: no end after {timeout:g} s") from error
    if check and done.returncode:
        detail = (done.stderr or done.stdout).strip()
        raise CommandError(f"{_show(argv)}: exit status {done.returncode}: {detail}")
    return done


def _show(argv: Sequence[str]) -> str:
    text = " ".join(argv)
    return text if len(text) < 300 else text[:300] + "..."


class Namespace:
    """A network namespace ``<lab>-<host>`` that this lab created, or is about to."""

    def __init__(self, lab: str, host: str) -> None:
        self.host = host
        self.name = f"{lab}-{host}"

    def create(self, journal: Journal) -> None:
        """Raises CommandError when a namespace of this name exists already: it is not ours."""
        run(["ip", "netns", "add", self.name])
        journal.add("netns", name=self.name, inode=netns_inode(self.name))
        self.batch(["link set lo up"])
        self.sysctl({
            "net.ipv6.conf.all.disable_ipv6": 1,
            "net.ipv6.conf.default.disable_ipv6": 1,
        })

    def delete(self) -> None:
        run(["ip", "netns", "delete", self.name])

    @property
    def prefix(self) -> list[str]:
        """The words before a command that is to run in here."""
        return ["ip", "netns", "exec", self.name]

    def run(
        self,
        argv: Sequence[str],
        timeout: float = 30.0,
        check: bool = True,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return run([*self.prefix, *argv], timeout, check, stdin, env)

    def batch(self, commands: Iterable[str]) -> None:
        """Run many ``ip`` commands (without the word ``ip``) by one process."""
        run(["ip", "-n", self.name, "-batch", "-"], stdin="\n".join(commands) + "\n")

    def sysctl(self, values: Mapping[str, object]) -> None:
        """Set kernel parameters of this namespace; those the kernel lacks are left out (-e)."""
        self.run(["sysctl", "-q", "-e", "-w", *(f"{key}={value}" for key, value in values.items())])

    def offloads_off(self, interfaces: Iterable[str]) -> None:
        flags = [word for name in OFFLOADS for word in (name, "off")]
        script = "\n".join(f"ethtool -K {name} {' '.join(flags)}" for name in interfaces)
        self.run(["sh", "-ec", script])


def veth(
    space: Namespace, name: str, other: Namespace, other_name: str, mtu: int = 1500
) -> None:
    """A veth pair between two namespaces, both ends up and without offloads."""
    run([
        "ip", "link", "add", name, "netns", space.name, "mtu", str(mtu), "type", "veth",
        "peer", "name", other_name, "netns", other.name, "mtu", str(mtu),
    ])  # fmt: skip
    for end, interface in ((space, name), (other, other_name)):
        end.batch([f"link set {interface} up"])
        end.offloads_off([interface])
