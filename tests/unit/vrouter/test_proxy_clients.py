"""Real clients against the edge proxies: udhcpc, dhclient, dhcpcd, the kernel, rdisc6, ndisc6, dig.

Two namespaces joined by a veth: the client in one, in the other nothing but a packet socket whose
frames go through the proxies; who has the gateway's address is answered as the switch does it.
Needs root and the clients; what is missing is skipped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.vrouter.proxy_support import PORT, answer_arp, answer_neighbor
from vrouter_ovs.proxies import packet, ra
from vrouter_ovs.proxies.dhcp import dhcp4, dhcp6
from vrouter_ovs.proxies.dns import dns as edge_dns
from vrouter_ovs.proxies.dns import relay as dns_relay

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("ethtool"),
                       reason="needs root, ip and ethtool"),
    pytest.mark.timeout(120),
]  # fmt: skip
CLIENT, EDGE = f"px{os.getpid()}c", f"px{os.getpid()}e"
IFACE = f"px{os.getpid()}"
CLONE_NEWNET = 0x40000000
VIEW = edge_dns.DnsView("red.test", {"vm1": ("10.0.0.5", "fd00::5")}, {"10.0.0.5": "vm1.red.test"},
                        ("10.0.0.0/24",))  # fmt: skip


def run(*command: str, check: bool = True, timeout: float = 40) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def inside(*command: str, check: bool = True) -> str:
    return run("ip", "netns", "exec", CLIENT, *command, check=check)


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")


class Edge:
    """The proxies behind a packet socket, and the switch's answers for the gateway's addresses;
    ``kinds`` counts what was answered."""

    def __init__(self) -> None:
        self.port = PORT
        self.kinds: Counter[str] = Counter()
        self.malformed: Counter[str] = Counter()
        self._stop_in, self._stop_out = os.pipe()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="px-edge", daemon=True)
        self._thread.start()
        assert self._ready.wait(5)

    def _serve(self) -> None:
        # A network namespace belongs to a thread; the socket stays in the one it was made in.
        with open(f"/run/netns/{EDGE}") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as raw:
            raw.bind((IFACE, 3))
            self._ready.set()
            while True:
                ready, _, _ = select.select([raw, self._stop_in], [], [])
                if self._stop_in in ready:
                    return
                frame, (_, _, kind, *_) = raw.recvfrom(65535)
                if kind == 4:  # PACKET_OUTGOING
                    continue
                for answer in self.respond(frame):
                    raw.send(answer)

    def respond(self, frame: bytes) -> tuple[bytes, ...]:
        try:
            name, answer = self._dispatch(frame)
        except packet.Malformed as error:
            self.malformed[error.reason] += 1
            return ()
        self.kinds[f"{name}:{answer.kind}"] += 1
        return answer.frames

    def _dispatch(self, frame: bytes) -> tuple[str, packet.Answer]:
        kind = frame[12:14]
        if kind == b"\x08\x06":
            return "arp", answer_arp(frame, "10.0.0.1", self.port.gateway_mac)
        if kind == b"\x08\x00" and frame[23] == 17:
            udp = packet.udp4(frame)
            if udp.dst_port == 67:
                return "dhcp4", dhcp4.answer(frame, self.port)
            if udp.dst_port == 53:
                return "dns", self._dns(frame)
        if kind == b"\x86\xdd" and frame[20] == 17 and frame[56:58] == b"\x02\x23":
            return "dhcp6", dhcp6.answer(frame, self.port)
        if kind == b"\x86\xdd" and frame[20] == 58:
            if frame[54] == 133:
                return "ra", ra.answer(frame, self.port)
            return "nd", answer_neighbor(frame, "fd00::1", self.port.gateway_mac, router=True)
        return "other", packet.ignored("other")

    @staticmethod
    def _dns(frame: bytes) -> packet.Answer:
        udp = edge_dns.query_of(frame)
        reply = edge_dns.answer(udp.payload, VIEW)
        if reply.kind == "forward":
            response = bytearray(dns_relay.failure(udp.payload))
            return packet.Answer((edge_dns.reply_frame(udp, bytes(response)),), "servfail", "")
        return packet.Answer((edge_dns.reply_frame(udp, reply.wire),), reply.kind, reply.reason)

    def stop(self) -> None:
        os.write(self._stop_out, b"x")
        self._thread.join(5)
        os.close(self._stop_in)
        os.close(self._stop_out)


@pytest.fixture
def edge() -> Iterator[Edge]:
    with contextlib.ExitStack() as stack:
        for namespace in (CLIENT, EDGE):
            run("ip", "netns", "add", namespace)
            stack.callback(run, "ip", "netns", "del", namespace, check=False)
        stack.callback(end_clients)
        for namespace in (CLIENT, EDGE):
            for setting in ("all/disable_ipv6=0", "default/accept_ra=2", "default/accept_dad=0",
                            "default/router_solicitation_interval=1",
                            "default/router_solicitation_delay=0"):  # fmt: skip
                run("ip", "netns", "exec", namespace, "sysctl", "-qw",
                    f"net.ipv6.conf.{setting.replace('/', '.')}")  # fmt: skip
        run("ip", "-n", CLIENT, "link", "add", IFACE, "address", PORT.mac, "type", "veth",
            "peer", "name", IFACE, "netns", EDGE)  # fmt: skip
        run("ip", "netns", "exec", EDGE, "sysctl", "-qw", f"net.ipv6.conf.{IFACE}.disable_ipv6=1")
        inside("ethtool", "-K", IFACE, "tx", "off")
        run("ip", "-n", EDGE, "link", "set", IFACE, "up")
        inside("ip", "link", "set", "lo", "up")
        served = Edge()
        stack.callback(served.stop)
        yield served
        assert not [reason for reason in served.malformed if "checksum" in reason]


def end_clients() -> None:
    """End what a client left running: everything in the namespace that this test made."""
    for pid in run("ip", "netns", "pids", CLIENT, check=False).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def up() -> None:
    inside("ip", "link", "set", IFACE, "up")


def eventually(check, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.05)


def signalled(client: subprocess.Popen, which: signal.Signals, check) -> None:
    """Send a signal, again every few seconds, until ``check()``."""
    last = 0.0

    def again() -> bool:
        nonlocal last
        if not check() and time.monotonic() - last > 4:
            client.send_signal(which)
            last = time.monotonic()
        return check()

    eventually(again, 40)


def dump_script(tmp_path: Path) -> tuple[Path, Path]:
    """(script, file) that a DHCP client runs to write its environment, event by event."""
    out = tmp_path / "env"
    script = tmp_path / "script"
    script.write_text(  # udhcpc alone leaves the address to its script
        '#!/bin/sh\nif [ "$1" = bound ]; then ip address add $ip/$mask dev $interface; fi\n'
        'if [ "$1" = deconfig ]; then ip address flush dev $interface scope global; fi\n'
        f'env >> {out}\necho "event=$1 $reason" >> {out}\nexit 0\n'
    )
    script.chmod(0o755)
    return script, out


def test_udhcpc(edge: Edge, tmp_path: Path) -> None:
    needs("busybox")
    up()
    script, out = dump_script(tmp_path)
    asks = [part for name in ("mtu", "ntpsrv", "hostname", "staticroutes") for part in ("-O", name)]
    lease = replace(PORT.v4[0], routes=(("10.9.0.0/16", "10.0.0.7"),))
    edge.port = replace(PORT, v4=(lease,))
    said = inside("busybox", "udhcpc", "-i", IFACE, "-n", "-q", "-f", "-r", "10.0.0.99",
                  "-s", str(script), *asks)  # fmt: skip
    assert "lease of 10.0.0.5 obtained from 10.0.0.1" in said
    env = out.read_text()
    for line in ("ip=10.0.0.5", "subnet=255.255.255.0", "router=10.0.0.1", "dns=10.0.0.1 10.0.0.2",
                 "domain=red.test", "hostname=vm1", "mtu=1450", "ntpsrv=10.0.0.9", "lease=86400",
                 "staticroutes=10.9.0.0/16 10.0.0.7 0.0.0.0/0 10.0.0.1"):  # fmt: skip
        assert line in env
    assert edge.kinds["dhcp4:offer"] == edge.kinds["dhcp4:ack"] == 1


def test_udhcpc_renews_and_releases(edge: Edge, tmp_path: Path) -> None:
    """SIGUSR1 renews (unicast, from the address), SIGUSR2 releases; a changed address is a NAK."""
    needs("busybox")
    up()
    script, out = dump_script(tmp_path)
    client = subprocess.Popen(
        ["ip", "netns", "exec", CLIENT, "busybox", "udhcpc", "-i", IFACE, "-f", "-s", str(script)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        # A signal that comes before the client has noted that it is bound starts it over, so each
        # is sent until it has had its effect.
        eventually(lambda: edge.kinds["dhcp4:ack"] and "event=bound" in out.read_text())
        signalled(client, signal.SIGUSR1, lambda: "event=renew" in out.read_text())
        assert not edge.kinds["dhcp4:nak"]
        edge.port = replace(PORT, v4=(replace(PORT.v4[0], address="10.0.0.55"),))
        signalled(client, signal.SIGUSR1, lambda: "ip=10.0.0.55" in out.read_text())
        assert edge.kinds["dhcp4:nak"] and not edge.kinds["dhcp4:ignored"]
        signalled(client, signal.SIGUSR2, lambda: edge.kinds["dhcp4:release"])
    finally:
        client.kill()
        client.wait(5)


def test_udhcpc_broadcast(edge: Edge, tmp_path: Path) -> None:
    needs("busybox")
    up()
    script, _ = dump_script(tmp_path)
    said = inside("busybox", "udhcpc", "-i", IFACE, "-n", "-q", "-f", "-B", "-s", str(script))
    assert "lease of 10.0.0.5" in said


LEASE = """lease {{
  interface "{iface}";
  fixed-address {address};
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 86400;
  option dhcp-message-type 5;
  option dhcp-server-identifier 10.0.0.1;
  renew 6 2037/01/02 00:00:00;
  rebind 6 2037/01/03 00:00:00;
  expire 6 2037/01/04 00:00:00;
}}
"""


@pytest.mark.parametrize(
    ("remembered", "kinds"),
    [("", {"offer": 1, "ack": 1}), ("10.0.0.5", {"ack": 1}),
     ("10.0.0.77", {"nak": 1, "offer": 1, "ack": 1})],
)  # fmt: skip
def test_dhclient(edge: Edge, tmp_path: Path, remembered: str, kinds: dict[str, int]) -> None:
    """From nothing, from a lease that still holds, and from one of another address."""
    needs("dhclient")
    up()
    script, out = dump_script(tmp_path)
    leases, pid = tmp_path / "leases", tmp_path / "pid"
    leases.write_text(LEASE.format(iface=IFACE, address=remembered) if remembered else "")
    # dhclient goes to the background when bound; it is released by the second call.
    common = ("-4", "-v", "-lf", str(leases), "-pf", str(pid), "-sf", str(script), IFACE)
    inside("sh", "-c", 'exec dhclient -1 "$@" >/dev/null 2>&1', "dhclient", *common)
    env = out.read_text()
    assert "new_ip_address=10.0.0.5" in env and "new_routers=10.0.0.1" in env
    assert "new_domain_name=red.test" in env
    assert "new_domain_name_servers=10.0.0.1 10.0.0.2" in env
    got = {k.removeprefix("dhcp4:"): n for k, n in edge.kinds.items() if k.startswith("dhcp4:")}
    assert got == kinds
    inside("ip", "address", "add", "10.0.0.5/24", "dev", IFACE)
    inside("dhclient", "-r", *common)
    eventually(lambda: edge.kinds["dhcp4:release"] == 1)


def test_dhclient6(edge: Edge, tmp_path: Path) -> None:
    needs("dhclient")
    up()
    eventually(lambda: "fe80::" in inside("ip", "-6", "address", "show", "dev", IFACE))
    script, out = dump_script(tmp_path)
    common = ("-6", "-lf", str(tmp_path / "leases"), "-pf", str(tmp_path / "pid"),
              "-sf", str(script), IFACE)  # fmt: skip
    inside("sh", "-c", 'exec dhclient -1 "$@" >/dev/null 2>&1', "dhclient", *common)
    env = out.read_text()
    assert "new_ip6_address=fd00::5" in env and "new_dhcp6_name_servers=fd00::1" in env
    assert "new_dhcp6_domain_search=red.test." in env
    assert edge.kinds["dhcp6:advertise"] == edge.kinds["dhcp6:reply"] == 1
    inside("dhclient", "-r", *common)
    eventually(lambda: edge.kinds["dhcp6:release"] == 1)


@pytest.mark.parametrize("family", ["4", "6"])
def test_dhcpcd(edge: Edge, tmp_path: Path, family: str) -> None:
    """With rapid commit, and the duplicate address check of RFC 5227, which no one must answer."""
    needs("dhcpcd")
    up()
    script, out = dump_script(tmp_path)
    # Its helper processes keep the output open, so that is a file; the fixture ends them.
    try:
        with open(tmp_path / "log", "w") as log:
            subprocess.run(
                ["ip", "netns", "exec", CLIENT, "dhcpcd", f"-{family}", "--oneshot", "--debug",
                 "--nobackground", "--timeout", "15", "--noipv4ll", "--script", str(script),
                 IFACE],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60, check=False,
            )  # fmt: skip
    finally:
        for left in Path("/var/lib/dhcpcd").glob(f"{IFACE}*.lease*"):
            left.unlink()
    env, log_text = out.read_text(), (tmp_path / "log").read_text()
    if family == "4":
        assert "reason=BOUND" in env, log_text
        assert "new_ip_address=10.0.0.5" in env and "new_interface_mtu=1450" in env
        assert (edge.kinds["dhcp4:offer"], edge.kinds["dhcp4:ack"]) == (0, 1)
    else:
        assert "reason=BOUND6" in env and "ia_addr1=fd00::5" in env, log_text
        assert "nd1_mtu=1450" in env and "new_dhcp6_domain_search=red.test" in env
        assert (edge.kinds["dhcp6:advertise"], edge.kinds["dhcp6:reply"]) == (0, 1)


def test_kernel_slaac(edge: Edge) -> None:
    edge.port = replace(PORT, v6=(replace(PORT.v6[0], ra_mode="slaac", address_mode="slaac"),))
    up()
    eventually(lambda: "fd00::f816:3eff:fe00:5/64" in inside("ip", "-6", "address", "show"))
    routes = inside("ip", "-6", "route", "show")
    assert "default via fe80::f816:3eff:fe00:1" in routes and "mtu 1450" in routes
    assert "hoplimit 64" in routes


def test_kernel_stateful_prefix_makes_no_address(edge: Edge) -> None:
    up()
    eventually(lambda: "default via fe80" in inside("ip", "-6", "route", "show"))
    assert "fd00::/64" in inside("ip", "-6", "route", "show")
    assert "inet6 fd00::" not in inside("ip", "-6", "address", "show")


def test_rdisc6_and_ndisc6(edge: Edge) -> None:
    needs("rdisc6")
    up()
    eventually(lambda: "fe80::" in inside("ip", "-6", "address", "show", "dev", IFACE))
    said = inside("rdisc6", "-1", IFACE)
    told = dict(re.findall(r"^ *(\S.*?) *: +(\S.*?) *$", said, re.MULTILINE))
    wanted = {"Stateful address conf.": "Yes", "MTU": "1450 bytes (valid)", "Prefix": "fd00::/64",
              "Recursive DNS server": "fd00::1", "DNS search list": "red.test",
              "Autonomous address conf.": "No"}  # fmt: skip
    assert {key: told.get(key, said) for key in wanted} == wanted
    assert "FA:16:3E:00:00:01" in inside("ndisc6", "-1", "fd00::1", IFACE)


def test_arping_and_dig(edge: Edge) -> None:
    needs("dig")
    up()
    inside("ip", "address", "add", "10.0.0.5/24", "dev", IFACE)
    if shutil.which("arping"):
        assert "fa:16:3e:00:00:01" in inside("arping", "-c1", "-i", IFACE, "10.0.0.1").lower()

    def dig(*question: str) -> str:
        return inside("dig", "+tries=1", "+time=3", "@10.0.0.1", *question)

    said = dig("vm1.red.test")
    assert "status: NOERROR" in said and "flags: qr aa rd ra" in said
    assert "vm1.red.test.\t\t60\tIN\tA\t10.0.0.5" in said
    assert "fd00::5" in dig("vm1.red.test", "AAAA", "+short")
    assert dig("-x", "10.0.0.5", "+short").strip() == "vm1.red.test."
    assert "status: NXDOMAIN" in dig("nobody.red.test")
    assert "status: REFUSED" in dig("vm1.red.test", "ANY", "+notcp")
    assert "status: SERVFAIL" in dig("www.example.com")
    assert "WARNING" not in said
