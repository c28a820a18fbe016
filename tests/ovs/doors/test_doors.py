"""A node's listeners under clients that are silent, slow, many, in a hurry or broken.

``VNC_DOOR_CLIENTS``, ``VNC_DOOR_CONNECTS`` and ``VNC_DOOR_INPUTS``: how many of each; ``make soak``
has 1,000, 10,000 and 100,000.  A good client is another host.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.beds.bgp_bed import RawPeer
from lab.beds.node_bed import ADDRESS, LoopbackNode, Taken
from lab.simulated.fleet import Fleet
from lab.wait import wait_until
from tests.ovs.doors.clients import DOORS, GOOD, PEER, PEER_AS, mutated, send, sessions

CLIENTS = int(os.environ.get("VNC_DOOR_CLIENTS", "300"))
CONNECTS = int(os.environ.get("VNC_DOOR_CONNECTS", "2000"))
INPUTS = int(os.environ.get("VNC_DOOR_INPUTS", "600"))
GOOD_PEER, GOOD_AS = "127.0.0.66", 64998
GROWTH = 10 << 20
"""Bytes of memory that a node may keep of what is over."""
SERVED = 60.0
"""Seconds after which a good client's turn has come to nothing, on a machine that is busy."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackNode]:
    peers = [f"{PEER} remote-as {PEER_AS} passive", f"{GOOD_PEER} remote-as {GOOD_AS} passive"]
    with LoopbackNode(tmp_path_factory.mktemp("doors"), peers) as found:
        yield found
        assert found.process.poll() is None


def sources(count: int) -> Iterator[str]:
    """Addresses of as many hosts as it takes."""
    for number in range(count):
        yield f"127.32.{number // 50}.{number // 50 % 250 + 1}"


# ------------------------------------------------------------ good clients


def ask_api(node: LoopbackNode) -> None:
    link = http.client.HTTPConnection(
        ADDRESS, node.ports["api"], timeout=SERVED, source_address=(GOOD, 0)
    )
    with contextlib.closing(link):
        link.request("GET", "/v2.0/networks?limit=1")
        assert link.getresponse().status == 200


def join(node: LoopbackNode) -> None:
    """A hypervisor that was reinstalled: it has to get through both ports."""
    with Fleet(1, node.ovsdb_target) as fleet:
        wait_until(lambda: fleet.ask(state=True)["flow_mods"], "its flows", SERVED, 0.05,
                   log=node.log)


def peer(node: LoopbackNode) -> None:
    raw = RawPeer(GOOD_PEER, (ADDRESS, node.ports["bgp"]), GOOD_AS)
    with contextlib.closing(raw):
        raw.open()


SERVE = {"api": ask_api, "ovsdb": join, "openflow": join, "bgp": peer}


def settled(node: LoopbackNode, before: Taken) -> Taken:
    """What it takes when it has no more threads and descriptors than before."""
    def back() -> bool:
        now = node.taken()
        return now.threads <= before.threads and now.descriptors <= before.descriptors

    wait_until(back, _Now(node, before), 30, 0.2)
    return node.taken()


class _Now:
    def __init__(self, node: LoopbackNode, before: Taken) -> None:
        self._node, self._before = node, before

    def __str__(self) -> str:
        return f"threads and descriptors, {self._node.taken()}, to be {self._before} again"


# ------------------------------------------------------------ bad ones


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("slow", [False, True], ids=["silent", "slow"])
def test_clients_that_wait_hold_up_nobody_and_are_reaped(
    node: LoopbackNode, door: str, slow: bool
) -> None:
    SERVE[door](node)
    before = node.taken()
    gate, text = DOORS[door], DOORS[door].messages()[0]
    with contextlib.ExitStack() as stack:
        held: list[socket.socket] = []
        for source in sources(CLIENTS):
            with contextlib.suppress(OSError):  # Some listeners refuse at once.
                held.append(stack.enter_context(gate.connect(node, source)))
        stop = threading.Event()

        def dribble() -> None:
            for at in range(len(text) - 1):
                for sock in held:
                    with contextlib.suppress(OSError):
                        sock.send(text[at:at + 1], socket.MSG_DONTWAIT)
                if stop.wait(0.5):
                    return

        thread = threading.Thread(target=dribble)
        if slow:
            thread.start()
        try:
            begun = time.monotonic()
            SERVE[door](node)
            served = time.monotonic() - begun

            def reaped() -> bool:
                held[:] = [sock for sock in held if not _over(sock)]
                return not held

            wait_until(reaped, "all of them to be closed", 60, 0.1)
            print(f"{door}: served in {served:.2f} s, all closed after "
                  f"{time.monotonic() - begun:.1f} s")
        finally:
            stop.set()
            if slow:
                thread.join()
    settled(node, before)


def _over(sock: socket.socket) -> bool:
    """Whether the node has closed the connection."""
    try:
        while sock.recv(1 << 16, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.parametrize("door", DOORS)
def test_clients_that_come_and_go_leave_nothing(node: LoopbackNode, door: str) -> None:
    gate = DOORS[door]
    first = gate.messages()[0]

    def come_and_go(count: int) -> None:
        for number, source in enumerate(sources(count)):
            with contextlib.suppress(OSError), gate.connect(node, source) as sock:
                if number % 2:
                    sock.sendall(first[:number % 7 * len(first) // 7])

    SERVE[door](node)
    before = node.taken()
    come_and_go(CONNECTS // 4)  # What is kept for good is there by now.
    warm = settled(node, before)
    come_and_go(CONNECTS)
    SERVE[door](node)
    after = settled(node, before)
    print(f"{door}: {after.rss - warm.rss >> 10} KiB more after {CONNECTS} connections")
    assert after.rss - warm.rss < GROWTH


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.timeout(7200)
def test_broken_messages_end_their_own_session_alone(node: LoopbackNode, door: str) -> None:
    SERVE[door](node)
    before = node.taken()
    seed = os.environ.get("VNC_DOOR_SEED", "7")
    rng = random.Random(f"{door}{seed}")
    gate = DOORS[door]
    host = sources(1 << 30)
    for data in sessions(rng, gate, INPUTS):
        with contextlib.suppress(OSError), gate.connect(node, next(host)) as sock:
            send(sock, data)
    SERVE[door](node)
    forget_others(node)
    settled(node, before)
    assert not node.logged("Traceback"), _tracebacks(node.log)


def forget_others(node: LoopbackNode) -> None:
    """A damaged message may say quite well who a hypervisor is; it joins."""
    for element in node.client.v1("elements"):
        if element["id"] != "sim0":
            node.client.delete(f"/v1/elements/{urllib.parse.quote(element['id'], safe='')}")


def _tracebacks(log: Path) -> str:
    text = log.read_text(errors="replace")
    return "\n".join(part[:3000] for part in text.split("Traceback")[1:4])


def test_mutations_change_something() -> None:
    rng = random.Random(1)
    for door in DOORS.values():
        for message in door.messages():
            assert sum(mutated(rng, message) != message for _ in range(100)) > 80
