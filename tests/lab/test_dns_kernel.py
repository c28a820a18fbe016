"""DNS over TCP and UDP against real stacks: Linux' own and dig's, at a TAP device."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.rrset
import pytest

from lab.beds.bgp_bed import inside, namespace
from tests.lab.dns_wire_support import MANY, SERVERS, Wire
from tests.unit.southbound.dns_support import Resolver, eventually, response
from vrouter_ovs.proxies.dns.mdns import GROUP4, GROUP6

IP_RECVTTL = 12


def large(query: dns.message.Message, stream: bool) -> list[bytes]:
    """Names in big. have answers of almost 64 KiB."""
    if "big." not in query.question[0].name.to_text():
        return [response(query)]
    if not stream:
        return [response(query, (), truncated=True)]
    made = dns.message.make_response(query)
    made.answer.append(dns.rrset.from_text(
        query.question[0].name, 60, "IN", "TXT", *(f'"{n:04}{"x" * 250}"' for n in range(240))
    ))  # fmt: skip
    return [made.to_wire(max_size=65535)]


@pytest.fixture(scope="module")
def resolver() -> Iterator[Resolver]:
    made = Resolver(large)
    yield made
    made.close()


@pytest.fixture
def wire(resolver: Resolver) -> Iterator[Wire]:
    with namespace() as name:
        made = Wire(name, resolver.name)
        yield made
        made.close()


def exchange(made: socket.socket, *names: str, rdtype: str = "A", piece: int = 0) -> dict:
    """Ask names in one go, pipelined; name -> message."""
    data = b""
    for number, name in enumerate(names):
        asked = dns.message.make_query(name, rdtype, id=1 + number).to_wire()
        data += len(asked).to_bytes(2, "big") + asked
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(data), piece or len(data)):
        made.sendall(data[at : at + (piece or len(data))])
        if piece:
            time.sleep(0.02)
    return dict(receive(made) for _ in names)


def receive(made: socket.socket) -> tuple[str, dns.message.Message]:
    head = made.recv(2, socket.MSG_WAITALL)
    assert len(head) == 2, "closed"
    size = int.from_bytes(head, "big")
    body = b""
    while len(body) < size:
        piece = made.recv(size - len(body))
        assert piece, "closed in the middle of an answer"
        body += piece
    message = dns.message.from_wire(body)
    return message.question[0].name.to_text(omit_final_dot=True), message


def idle(wire: Wire) -> dict:
    eventually(lambda: wire.service.status()["tcp"]["connections"] == 0)
    tcp = wire.service.status()["tcp"]
    assert tcp["bytes"] == 0
    return tcp


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("transport", ["+tcp", "+notcp"])
def test_dig(wire: Wire, server: str, transport: str) -> None:
    if shutil.which("dig") is None:
        pytest.skip("needs dig")

    def dig(*words: str) -> str:
        command = ["ip", "netns", "exec", wire.space, "dig", f"@{server}", transport, "+tries=1",
                   "+time=20", "+short", *words]  # fmt: skip
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    assert dig("vm1.red.test") == "10.0.0.5\n"
    assert dig("vm1.red.test", "AAAA") == "fd00::5\n"
    assert dig("-x", "10.0.0.5") == "vm1.red.test.\n"
    assert dig("www.example.com") == "192.0.2.1\n"
    assert set(dig("many.red.test", "+noedns").split()) == set(MANY), "falls back to TCP"
    assert dig("nobody.red.test") == ""


@pytest.mark.parametrize("server", SERVERS)
def test_pipelined_and_kept_open(wire: Wire, server: str) -> None:
    with wire.connect(server) as made:
        found = exchange(made, "vm1.red.test", "www.example.com", "none.red.test", "many.red.test")
        assert str(found["www.example.com"].answer[0][0]) == "192.0.2.1"
        assert found["none.red.test"].rcode() == dns.rcode.NXDOMAIN
        assert len(found["many.red.test"].answer[0]) == 64
        assert exchange(made, "vm1.red.test")["vm1.red.test"].answer
    tcp = idle(wire)
    assert tcp == {"connections": 0, "bytes": 0, "opened": 1, "requests": 5}


def test_in_small_pieces(wire: Wire) -> None:
    with wire.connect() as made:
        assert exchange(made, "vm1.red.test", "www.example.com", piece=3)["vm1.red.test"].answer
    idle(wire)


def test_more_than_the_window(wire: Wire) -> None:
    """Hundreds of questions at once: the peer waits, and gets every answer."""
    names = [f"n{n}.red.test" for n in range(300)]
    with wire.connect() as made:
        assert set(exchange(made, *names)) == set(names)
    assert idle(wire)["requests"] == 300


def test_half_closed(wire: Wire) -> None:
    """A client that has said all that it wants to say still hears the answers."""
    with wire.connect() as made:
        asked = dns.message.make_query("www.example.com", "A", id=7).to_wire()
        made.sendall(len(asked).to_bytes(2, "big") + asked)
        made.shutdown(socket.SHUT_WR)
        assert receive(made)[1].answer
        assert made.recv(1) == b""
    assert idle(wire)["requests"] == 1


@pytest.mark.parametrize("server", SERVERS)
def test_large_answers_within_the_meter(wire: Wire, server: str) -> None:
    with wire.connect(server) as made:
        found = exchange(made, "a.big.example", "b.big.example", rdtype="TXT")
        assert all(len(message.answer[0]) == 240 for message in found.values())
    idle(wire)


def test_a_slow_reader(wire: Wire) -> None:
    """The window closes, and opens again much later."""
    with inside(wire.space):
        made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(60)
    with made:
        made.connect((SERVERS[0], 53))
        asked = dns.message.make_query("c.big.example", "TXT", id=7).to_wire()
        made.sendall(len(asked).to_bytes(2, "big") + asked)
        time.sleep(3)
        assert len(receive(made)[1].answer[0]) == 240
    idle(wire)


@pytest.mark.parametrize("server", SERVERS)
def test_loss_doubles_and_delay(wire: Wire, server: str) -> None:
    wire.lose, wire.double, wire.delay = 0.1, 0.1, 0.2
    for number in range(3):
        with wire.connect(server) as made:
            found = exchange(made, "vm1.red.test", f"n{number}.big.example", rdtype="TXT")
            assert len(found[f"n{number}.big.example"].answer[0]) == 240
    wire.lose = wire.double = wire.delay = 0.0
    assert idle(wire)["again"]


def test_many_connections(wire: Wire) -> None:
    """More than a port may have: those that are quiet make room, the others wait their turn."""
    wire.rate = wire.burst = 1000.0
    made = [wire.connect() for _ in range(20)]
    for each in made:
        assert exchange(each, "vm1.red.test")["vm1.red.test"].answer
    time.sleep(1.1)
    more = [wire.connect() for _ in range(20)]
    for each in more:
        assert exchange(each, "vm1.red.test")["vm1.red.test"].answer
    assert wire.service.status()["tcp"]["connections"] == 32
    assert wire.service.status()["tcp"]["evicted"] == 8
    for each in (*made, *more):
        each.close()
    idle(wire)


def test_quiet_connections_end(wire: Wire) -> None:
    with wire.connect() as made:
        assert exchange(made, "vm1.red.test")["vm1.red.test"].answer
        assert made.recv(1) == b"", "closed by the server after its time"
    assert idle(wire)["idle"] == 1


@pytest.mark.parametrize("data", [b"\0\0", b"\xff\xff" + b"x" * 100, b"\0\x0c" + b"\xff" * 12,
                                  b"GET / HTTP/1.1\r\n\r\n"])  # fmt: skip
def test_what_is_not_dns(wire: Wire, data: bytes) -> None:
    with wire.connect() as made, pytest.raises(ConnectionResetError):
        made.sendall(data)
        made.recv(1)
    idle(wire)


def test_a_service_that_was_restarted(wire: Wire) -> None:
    """Connections that it does not know any more are reset, not left hanging."""
    with wire.connect() as made:
        assert exchange(made, "vm1.red.test")["vm1.red.test"].answer
        server = wire.service._streams._server
        wire.service._later(lambda now: [server.drop(owner) for owner in list(server._owned)])
        with pytest.raises(ConnectionResetError):
            exchange(made, "vm1.red.test")


@pytest.mark.parametrize("group", ["224.0.0.251", "ff02::fb"])
def test_a_simple_resolver_asks_the_group(wire: Wire, group: str) -> None:
    """From any port: the answer comes to it alone, from another address than it asked, so not to a
    connected socket (as newer versions of dig have)."""
    with inside(wire.space):
        made = socket.socket(socket.AF_INET6 if ":" in group else socket.AF_INET,
                             socket.SOCK_DGRAM)  # fmt: skip
        to = (group, 5353, 0, socket.if_nametoindex("eth0")) if ":" in group else (group, 5353)
    made.settimeout(60)
    with made:
        for name, rdtype, found in (
            ("vm2.local", "A", "10.0.0.6"), ("vm2.local", "AAAA", "fd00::6"),
            ("6.0.0.10.in-addr.arpa", "PTR", "vm2.local."),
        ):  # fmt: skip
            asked = dns.message.make_query(name, rdtype)
            made.sendto(asked.to_wire(), to)
            data, source = made.recvfrom(9000)
            answer = dns.message.from_wire(data)
            assert asked.is_response(answer) and source[1] == 5353
            assert str(answer.answer[0][0]) == found and answer.answer[0].ttl == 10


def test_a_member_of_the_group_hears_the_answer(wire: Wire) -> None:
    query = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\3vm2\5local\0\0\1\0\1"
    with inside(wire.space):
        four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        number = socket.if_nametoindex("eth0")
    with four, six:
        member = struct.pack("4s4si", GROUP4, bytes(4), number)
        four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        four.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        member = GROUP6 + struct.pack("@i", number)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        for each, to in ((four, ("224.0.0.251", 5353)), (six, ("ff02::fb", 5353, 0, number))):
            each.settimeout(60)
            each.bind(("", 5353))
            each.sendto(query, to)
            data, ((_, _, hops),), _, _ = each.recvmsg(9000, 100)
            assert bytes((10, 0, 0, 6)) in data and data[2:4] == b"\x84\0"
            assert struct.unpack("@i", hops) == (255,)
