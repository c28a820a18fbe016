"""What the BGP tests and benchmark share: an engine with a recorder, FRR as a route reflector in a
namespace, a peer that sends whatever bytes it is told to."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

from ryu_apps.control.messages import EndOfRib, PathsReceived, PeerDown, PeerUp
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Path
from ryu_apps.peering import Peer, Speaker, make_engine
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.open import Open, pack_open, parse_open

FRR = "/usr/lib/frr/bgpd"
_names = itertools.count()


def wait(condition: Callable[[], Any], what: str, timeout: float = 30.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.005)


def free_port(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


class Node:
    """An engine, and what a node would know from its events: ``routes`` per peer, never withdrawn
    by a PeerDown.  ``at_once``: a session is sent the table as soon as it is up."""

    def __init__(self, address: str, peers: list[Peer], asn: int = 65000, port: int = 0,
                 router_id: str = "", kind: str = "native", listen: bool = True,
                 restart_time: int = 120, long_lived_time: int = 0, at_once: bool = True) -> None:
        self.address = address
        self._at_once = at_once
        self.events: list = []
        self.routes: dict[str, dict] = {}
        self.lock = threading.Lock()
        self.engine = make_engine(kind, Speaker(
            asn, router_id or address, listen=((address, port),) if listen else (),
            local_address=address, restart_time=restart_time, long_lived_time=long_lived_time,
            peers=tuple(peers)), self._post)
        self.engine.start()

    @property
    def port(self) -> int:
        return self.engine.listening[0][1]

    def _post(self, event: Any) -> None:
        with self.lock:
            if isinstance(event, PathsReceived):
                routes = self.routes.setdefault(event.peer, {})
                for nlri in event.withdrawn:
                    routes.pop(nlri, None)
                for path in event.announced:
                    routes[path.nlri] = path
            self.events.append(event)
        if self._at_once and isinstance(event, PeerUp):
            self.engine.send_table(event.peer, event.session)

    def received(self, peer: str) -> dict:
        with self.lock:
            return dict(self.routes.get(peer, {}))

    def count(self, peer: str) -> int:
        return len(self.routes.get(peer, ()))

    def seen(self, kind: type, peer: str = "") -> list:
        with self.lock:
            return [event for event in self.events
                    if isinstance(event, kind) and (not peer or event.peer == peer)]

    def is_up(self, peer: str) -> bool:
        last = [event for event in self.seen((PeerUp, PeerDown), peer)]
        return bool(last) and isinstance(last[-1], PeerUp)

    def end_of_ribs(self, peer: str) -> int:
        return len(self.seen(EndOfRib, peer))

    def wait_up(self, peer: str, timeout: float = 30.0) -> None:
        wait(lambda: self.is_up(peer), f"{self.address}: session with {peer}", timeout)

    def wait_down(self, peer: str, timeout: float = 30.0) -> None:
        wait(lambda: not self.is_up(peer), f"{self.address}: end of {peer}", timeout)

    def status(self, peer: str) -> dict:
        return next(state for state in self.engine.status() if state["peer"] == peer)

    def stop(self) -> None:
        self.engine.stop()


def vtep_of(address: str) -> str:
    """The VTEP of an engine at a loopback address, which is none itself: 127.x becomes 10.x."""
    return address.replace("127.", "10.", 1) if address.startswith("127.") else address


def attributes(vtep: str, *, l3: int = 0, **more: Any) -> Attributes:
    targets = ("65000:100", "65000:200") if l3 else ("65000:100",)
    return Attributes(vtep_of(vtep), targets, router_mac="02:aa:00:00:00:01" if l3 else "", **more)


def mac_path(vtep: str, number: int, ip: str = "v4", l3: int = 0, **more: Any) -> Path:
    """Route ``number`` of type 2; distinct numbers are distinct routes."""
    high, mid, low = number >> 16 & 255, number >> 8 & 255, number & 255
    address = {"": "", "v4": f"10.{high}.{mid}.{low}",
               "v6": f"fd00::{number + 1:x}"}[ip]
    if ip == "v6":
        address = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))
    vtep = vtep_of(vtep)
    return Path(MacIp(f"{vtep}:{1 + number % 10}", 0, f"02:00:00:{high:02x}:{mid:02x}:{low:02x}",
                      address),
                attributes(vtep, l3=l3, **more), (100, l3) if l3 else (100,))


def prefix_path(vtep: str, number: int, l3: int = 200, **more: Any) -> Path:
    vtep = vtep_of(vtep)
    return Path(IpPrefix(f"{vtep}:99", 0, f"20.{number >> 8 & 255}.{number & 255}.0/24"),
                attributes(vtep, l3=l3, **more), (l3,))


def imet_path(vtep: str, vni: int = 100) -> Path:
    vtep = vtep_of(vtep)
    return Path(Imet(f"{vtep}:1", 0, vtep), attributes(vtep), (vni,))


def reflected(path: Path, originator: str, reflector: str) -> Path:
    """What FRR makes of a path that it reflects; where there was no MED it sends 0."""
    return path._replace(attrs=path.attrs._replace(
        originator_id=originator, cluster_list=(reflector,), med=max(path.attrs.med, 0)))


# ---------------------------------------------------------------- namespaces and FRR


@contextlib.contextmanager
def namespace() -> Iterator[str]:
    """A network namespace with loopback up."""
    name = f"bg{os.getpid()}x{next(_names)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Threads and processes started in here belong to the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(path: str) -> None:
        fd = os.open(path, os.O_RDONLY)
        try:
            if libc.setns(fd, 0x40000000):
                raise OSError(ctypes.get_errno(), f"setns {path}")
        finally:
            os.close(fd)

    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(f"/var/run/netns/{name}")
        yield
    finally:
        if libc.setns(home, 0x40000000):
            raise OSError(ctypes.get_errno(), "setns back")
        os.close(home)


class Frr:
    """FRR's bgpd alone, a route reflector for ``clients`` at ``address`` in namespace ``name``."""

    def __init__(self, name: str, address: str, clients: list[str], asn: int = 65000,
                 extra: str = "") -> None:
        self.address = address
        self._directory = tempfile.TemporaryDirectory(prefix="bg-frr-")
        base = FilePath(self._directory.name)
        base.chmod(0o777)
        neighbors = "".join(
            f" neighbor {client} remote-as {asn}\n neighbor {client} update-source {address}\n"
            f" neighbor {client} timers connect 1\n neighbor {client} passive\n"
            f" neighbor {client} advertisement-interval 0\n" for client in clients)
        families = "".join(f"  neighbor {client} activate\n  neighbor {client} "
                           "route-reflector-client\n" for client in clients)
        (base / "bgpd.conf").write_text(
            f"router bgp {asn}\n bgp router-id {address}\n no bgp default ipv4-unicast\n"
            f"{extra}{neighbors} address-family l2vpn evpn\n{families} exit-address-family\n")
        with (base / "out").open("wb") as output:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", name, FRR, "-f", str(base / "bgpd.conf"), "-i",
                 str(base / "pid"), "-z", str(base / "zserv"), "--vty_socket", str(base),
                 "-u", "frr", "-g", "frr", "-P", "0", "-Z", "-l", address,
                 "--log", f"file:{base}/log"], stdout=output, stderr=subprocess.STDOUT)
        self._vty = str(base / "bgpd.vty")
        self._socket = socket.socket(socket.AF_UNIX)
        # The socket file is there a moment before bgpd listens on it.
        wait(lambda: self._socket.connect_ex(self._vty) == 0, "bgpd's vty")
        self.command("enable")

    def command(self, text: str) -> str:
        """Run a command on the vty: the answer ends with three zero bytes and a status."""
        self._socket.sendall(text.encode() + b"\0")
        answer = b""
        while answer[-4:-1] != b"\0\0\0" or len(answer) < 4:
            data = self._socket.recv(1 << 20)
            if not data:
                raise AssertionError(f"bgpd closed its vty at {text!r}")
            answer += data
        return answer[:-4].decode(errors="replace")

    def rss(self) -> float:
        return rss(self.process.pid)

    def table(self) -> dict[tuple[str, str], dict]:
        """(RD, prefix) -> the one path of the route, of ``show bgp l2vpn evpn json``."""
        answer = json.loads(self.command("show bgp l2vpn evpn json") or "{}")
        out = {}
        for routes in answer.values():
            if not isinstance(routes, dict) or "rd" not in routes:
                continue
            for name, route in routes.items():
                if isinstance(route, dict):
                    paths = route["paths"]
                    out[routes["rd"], name] = paths[0][0] if isinstance(paths[0], list) \
                        else paths[0]
        return out

    def received(self, peer: str) -> int:
        answer = json.loads(self.command("show bgp l2vpn evpn summary json"))
        return answer.get("peers", {}).get(peer, {}).get("pfxRcd", 0)

    def stop(self) -> None:
        self._socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._directory.cleanup()


def frr_name(path: Path) -> tuple[str, str]:
    """What FRR calls a route (its ``show`` output): (RD, prefix)."""
    nlri = path.nlri
    if isinstance(nlri, MacIp):
        name = f"[2]:[{nlri.etag}]:[48]:[{nlri.mac}]"
        if nlri.ip:
            name += f":[{128 if ':' in nlri.ip else 32}]:[{nlri.ip}]"
    elif isinstance(nlri, Imet):
        name = f"[3]:[{nlri.etag}]:[{128 if ':' in nlri.ip else 32}]:[{nlri.ip}]"
    else:
        address, length = nlri.prefix.split("/")
        name = f"[5]:[{nlri.etag}]:[{length}]:[{address}]"
    return nlri.rd, name


def rss(pid: int) -> float:
    """Resident memory in MB."""
    for line in FilePath(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


# ---------------------------------------------------------------- a peer of bytes


def open_message(asn: int, router_id: str, *capabilities: tuple[int, bytes], hold: int = 90
                 ) -> bytes:
    """An OPEN with EVPN, 4-byte AS, and ``capabilities`` (code, value) besides."""
    known = ((1, b"\0\x19\0\x46"), (65, struct.pack("!I", asn)), *capabilities)
    value = b"".join(bytes((code, len(data))) + data for code, data in known)
    body = struct.pack("!BHH4sB", 4, asn if asn < 65536 else wire.AS_TRANS, hold,
                       socket.inet_aton(router_id), len(value) + 2) + bytes((2, len(value))) + value
    return wire.MARKER + struct.pack("!HB", 19 + len(body), wire.OPEN) + body


def restart_capability(flags: int, seconds: int, *families: tuple[int, int, int]
                       ) -> tuple[int, bytes]:
    """Graceful restart (RFC 4724 section 3): flags R=8, N=4; (AFI, SAFI, flags F=0x80)."""
    return 64, struct.pack("!H", flags << 12 | seconds) + b"".join(
        struct.pack("!HBB", *family) for family in families)


def long_lived_capability(*families: tuple[int, int, int, int]) -> tuple[int, bytes]:
    """Long-lived graceful restart (RFC 9494 section 3.1): (AFI, SAFI, flags F=0x80, seconds)."""
    return 71, b"".join(
        struct.pack("!HBB", *family) + seconds.to_bytes(3, "big") for *family, seconds in families)


def notification(code: int, subcode: int, data: bytes = b"") -> bytes:
    return wire.MARKER + struct.pack("!HBBB", 21 + len(data), wire.NOTIFICATION, code, subcode) \
        + data


class RawPeer:
    """A hand-driven BGP speaker at ``source``, connected to ``target``."""

    def __init__(self, source: str, target: tuple[str, int], asn: int = 65000,
                 hold: int = 90) -> None:
        self.asn, self.source, self.hold = asn, source, hold
        self.socket = socket.create_connection(target, 10, (source, 0))
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def update(self, attributes: bytes) -> None:
        self.send(wire.MARKER + struct.pack("!HBHH", 23 + len(attributes), 2, 0, len(attributes))
                  + attributes)

    def message(self, timeout: float = 10.0) -> tuple[int, bytes] | None:
        """The next message as (type, body); None where the connection ended."""
        self.socket.settimeout(timeout)
        try:
            while True:
                if len(self._buffer) >= 19:
                    length, kind = wire.check_header(self._buffer, 0)
                    if len(self._buffer) >= length:
                        body, self._buffer = self._buffer[19:length], self._buffer[length:]
                        return kind, body
                data = self.socket.recv(65536)
                if not data:
                    return None
                self._buffer += data
        except ConnectionError:
            return None

    def open(self, message: bytes = b"") -> Open:
        """Exchange OPEN (``message``, or one like ours) and KEEPALIVE; returns theirs."""
        self.send(message or pack_open(self.asn, self.hold, self.source, 60, False))
        kind, body = self.message()
        assert kind == wire.OPEN
        theirs = parse_open(body)
        assert self.message()[0] == wire.KEEPALIVE
        self.send(wire.KEEPALIVE_MESSAGE)
        return theirs

    def notification(self) -> tuple[int, int] | None:
        """Read up to a NOTIFICATION, (code, subcode), or the end of the connection, None."""
        while True:
            message = self.message()
            if message is None:
                return None
            if message[0] == wire.NOTIFICATION:
                return message[1][0], message[1][1]

    def close(self) -> None:
        self.socket.close()
