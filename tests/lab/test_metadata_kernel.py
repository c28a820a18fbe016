"""Metadata over a real TCP, Linux' own with curl, at a TAP device; and a real HTTP service."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.beds.bgp_bed import inside, namespace
from lab.hosts import metadata as host
from ryu_apps.southbound.services.metadata.service import MetadataService
from ryu_apps.southbound.services.metadata.settings import MetadataSettings
from tests.lab.tap_support import PLACE, TapWire
from tests.unit.southbound.dns_support import eventually
from tests.unit.vrouter.proxy_support import PORT
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.proxies.packet import Answer
from vrouter_ovs.state import METADATA_ADDRESSES, METADATA_MAC

FOUR, SIX = METADATA_ADDRESSES
URLS = (f"http://{FOUR}", f"http://[{SIX}%25eth0]")
INSTANCE = replace(PORT, instance_id="i-1", project_id="red")


class Wire(TapWire):
    def __init__(self, name: str, settings: MetadataSettings) -> None:
        super().__init__(
            name, f"route add {FOUR} dev eth0",
            *(f"neigh add {address} lladdr {METADATA_MAC} dev eth0" for address in (FOUR, SIX)),
        )  # fmt: skip
        self.port = INSTANCE
        self.counts: Counter[str] = Counter()
        self.service = MetadataService(
            self.out, settings, lambda element, which, what: self.counts.update([what]),
            lambda place: self.port,
        )  # fmt: skip
        self.service.start()
        self.start()

    def close(self) -> None:
        self.service.stop()
        super().close()
        assert self.service.status()["results"].get("errors", 0) == 0

    def wanted(self, frame: bytes) -> bool:
        """What the switch's flows pick: TCP to port 80 of the two addresses."""
        at = {b"\x08\0": (23, 30, 34), b"\x86\xdd": (20, 38, 54)}.get(frame[12:14])
        return bool(at) and frame[at[0]] == 6 and frame[at[2] + 2 : at[2] + 4] == b"\0\x50" and (
            frame[at[1] : at[2]] in (address_bytes(FOUR), address_bytes(SIX))
        )

    def ask(self, frame: bytes) -> Answer:
        return self.service.segment(frame, self.port, PLACE)[1]

    def curl(self, url: str, *words: str) -> tuple[int, bytes]:
        """(status, body); the status is 0 without an answer."""
        command = ["ip", "netns", "exec", self.space, "curl", "-s", "-g", "--max-time", "60",
                   "-w", "%{stderr}%{http_code}", *words, url]  # fmt: skip
        run = subprocess.run(command, capture_output=True, timeout=90)
        return int(run.stderr), run.stdout


@pytest.fixture(scope="module")
def backend() -> Iterator[tuple[str, int]]:
    made = host.server("127.0.0.1", 0, host.SECRET)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made.server_address[:2]
    made.shutdown()
    made.server_close()
    thread.join(10)


def settings(tmp_path: Path, backend: tuple[str, int], **changes) -> MetadataSettings:
    secret = tmp_path / "secret"
    secret.write_text(host.SECRET + "\n")
    made = MetadataSettings(f"http://{backend[0]}:{backend[1]}", str(secret))
    return replace(made, **changes)


@pytest.fixture
def wire(tmp_path: Path, backend: tuple[str, int]) -> Iterator[Wire]:
    with namespace() as name:
        made = Wire(name, settings(tmp_path, backend, timeout=20.0))
        yield made
        made.close()


def idle(wire: Wire) -> dict:
    eventually(lambda: wire.service.status()["tcp"]["connections"] == 0)
    assert wire.service.status()["tcp"]["bytes"] == 0
    return wire.service.status()


@pytest.mark.parametrize("url", URLS)
def test_who_asks(wire: Wire, url: str) -> None:
    status, body = wire.curl(
        url + "/latest/meta-data/?a=b", "-H", "X-Instance-ID: i-2", "-H", "X_Instance_ID: i-2",
        "-H", "X-Tenant-ID: blue", "-H", "X-Forwarded-For: 10.0.0.9",
    )  # fmt: skip
    told = json.loads(body)
    assert status == 200 and (told["instance"], told["project"]) == ("i-1", "red")
    assert told["address"] == ("10.0.0.5" if url == URLS[0] else "fd00::5")
    assert told["path"] == "/latest/meta-data/?a=b"
    assert "x_instance_id" not in told["headers"] and "cookie" not in told["headers"]
    assert idle(wire)["results"] == {"200": 1} and wire.counts == {"metadata 200": 1}


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("path", ["/latest/user-data", "/chunked"])
def test_64_kib_within_the_meter(wire: Wire, url: str, path: str) -> None:
    assert wire.curl(url + path) == (200, host.user_data("i-1"))
    idle(wire)


def test_loss_doubles_and_delay(wire: Wire) -> None:
    wire.lose, wire.double, wire.delay = 0.05, 0.1, 0.2
    for url in URLS:
        assert wire.curl(url + "/latest/user-data") == (200, host.user_data("i-1"))
    wire.lose = wire.double = wire.delay = 0.0
    idle(wire)


def test_kept_open_and_head_and_post(wire: Wire) -> None:
    """One connection for several requests."""
    made = http.client.HTTPConnection(FOUR, timeout=60)
    with inside(wire.space):
        made.connect()

    def ask(method: str, path: str, body: str | None = None) -> tuple[int, str | None, bytes]:
        made.request(method, path, body)
        found = made.getresponse()
        return found.status, found.getheader("Content-Length"), found.read()

    told = json.loads(ask("POST", "/latest/meta-data/", "a password")[2])
    assert (told["method"], told["body"]) == ("POST", "a password")
    assert ask("HEAD", "/latest/user-data") == (200, "65536", b"")
    assert ask("GET", "/status/404")[::2] == (404, b"as you like it\n")
    assert ask("GET", "/latest/user-data")[2] == host.user_data("i-1")
    made.close()
    assert idle(wire)["results"] == {"200": 3, "404": 1}
    assert wire.service.status()["tcp"]["opened"] == 1


def test_a_slow_reader(wire: Wire) -> None:
    with inside(wire.space):
        made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(60)
    with made:
        made.connect((FOUR, 80))
        made.sendall(b"GET /latest/user-data HTTP/1.0\r\n\r\n")
        time.sleep(2)
        said = b""
        while piece := made.recv(4096):
            said += piece
    assert said.partition(b"\r\n\r\n")[2] == host.user_data("i-1")
    idle(wire)


def test_what_is_no_request(wire: Wire) -> None:
    with wire.connect(FOUR, 80) as made:
        made.sendall(b"nonsense\r\n\r\n" + b"x" * 30000)
        said = b""
        while piece := made.recv(4096):
            said += piece
    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"Connection: close" in said
    idle(wire)
    assert wire.curl(URLS[0], "-H", "Transfer-Encoding: chunked", "-d", "x")[0] == 411
    assert wire.curl(URLS[0], "-d", "x" * 20000)[0] == 413


def test_one_that_says_nothing_holds_nobody_up(wire: Wire) -> None:
    """Connections that are opened and left, or fed a byte at a time, end; others go on."""
    made = [wire.connect(FOUR, 80) for _ in range(15)]
    for each in made:
        each.send(b"GET /")
    assert wire.curl(URLS[0] + "/latest/meta-data/")[0] == 200
    for each in made:
        assert each.recv(1) == b"", "closed by the service after its time"
        each.close()
    idle(wire)


def test_no_instance(wire: Wire) -> None:
    wire.port = replace(PORT, instance_id="")
    status, body = wire.curl(URLS[0] + "/latest/meta-data/")
    assert status == 404 and b"no instance" in body


def test_the_service_is_at_fault(wire: Wire) -> None:
    assert wire.curl(URLS[0] + "/cut")[0] == 502
    status, body = wire.curl(URLS[0] + "/huge")
    assert status == 502 and b"more than 1048576 bytes" in body
    assert wire.service.status()["problem"]
    assert wire.curl(URLS[0] + "/status/500") == (500, b"as you like it\n")
    assert wire.service.status()["problem"] == ""


def test_a_service_that_never_answers(tmp_path: Path, backend: tuple[str, int]) -> None:
    """Who asks for what hangs hears of it, and takes no more than its part of the threads."""
    with namespace() as name:
        wire = Wire(name, settings(tmp_path, backend, timeout=3.0, workers=4))
        threads = [
            threading.Thread(target=wire.curl, args=(URLS[0] + "/hang",)) for _ in range(2)
        ]
        for each in threads:
            each.start()
        status, body = wire.curl(URLS[0] + "/hang")
        assert status == 504 and b"it does not answer" in body
        for each in threads:
            each.join()
        assert wire.curl(URLS[0] + "/latest/meta-data/")[0] == 200
        wire.close()


def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = free.getsockname()
        with namespace() as name:
            wire = Wire(name, settings(tmp_path, place))
            status, body = wire.curl(URLS[0] + "/")
            assert status == 502 and b"Connection refused" in body
            assert "refused" in wire.service.status()["problem"]
            wire.close()


def test_another_secret(tmp_path: Path, backend: tuple[str, int]) -> None:
    made = settings(tmp_path, backend)
    Path(made.secret_file).write_text("another")
    with namespace() as name:
        wire = Wire(name, made)
        assert wire.curl(URLS[0] + "/latest/meta-data/")[0] == 403
        assert "secret" in wire.service.status()["problem"]
        Path(made.secret_file).write_text(host.SECRET)
        assert wire.curl(URLS[0] + "/latest/meta-data/")[0] == 200
        assert wire.service.status()["problem"] == ""
        wire.close()
