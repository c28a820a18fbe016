"""What is handed to the engine's process, and in which order."""

from __future__ import annotations

import threading

import pytest

from ryu_apps.control.routes import Attributes, MacIp, Path
from ryu_apps.peering.base import Peer
from ryu_apps.peering.engine.outgoing import Outgoing


class Process:
    """In place of the engine's: keeps what it is sent.  ``broken``: takes no message of this."""

    def __init__(self) -> None:
        self.told: list[list] = []
        self.broken = ""
        self.gone = False

    def send(self, message: list) -> None:
        if self.gone:
            raise OSError("it is gone")
        if message[0] == self.broken:
            raise TypeError("cannot be packed")
        self.told.append(message)

    @property
    def kinds(self) -> list[str]:
        return [message[0] for message in self.told]


@pytest.fixture
def outgoing():
    return Outgoing(threading.Condition(threading.RLock()))


def path(number: int) -> Path:
    return Path(MacIp("65000:1", 0, f"02:00:00:00:00:{number:02x}", ""),
                Attributes("192.0.2.1", ("65000:100",)), (100,))


def flush(outgoing: Outgoing, process: Process) -> None:
    while outgoing.waiting:
        outgoing.send(process, outgoing.take())


def test_a_table_goes_after_what_was_announced_and_withdrawn_before(outgoing):
    process = Process()
    outgoing.announce([path(1), path(2)])
    flush(outgoing, process)
    outgoing.send_table("p", 7)
    outgoing.withdraw([path(1).nlri])
    outgoing.announce([path(3)])
    outgoing.end_of_rib()
    outgoing.command("status", 1)
    flush(outgoing, process)
    assert process.kinds == ["announce", "status", "withdraw", "announce", "table", "eor"]
    assert process.told[-2] == ["table", "p", 7]


def test_of_one_peer_the_latest_session_counts(outgoing):
    process = Process()
    for peer, session in (("p", 7), ("q", 8), ("p", 9)):
        outgoing.send_table(peer, session)
    flush(outgoing, process)
    assert sorted(process.told) == [["table", "p", 9], ["table", "q", 8]]


def test_a_table_goes_also_where_routes_cannot(outgoing):
    process = Process()
    process.broken = "announce"
    outgoing.announce([path(1)])
    outgoing.send_table("p", 7)
    flush(outgoing, process)
    assert process.kinds == ["withdraw", "table"]


def test_a_process_that_begins_is_told_everything_but_of_sessions_of_the_one_before(outgoing):
    process = Process()
    outgoing.announce([path(1), path(2)])
    outgoing.end_of_rib()
    flush(outgoing, process)
    outgoing.withdraw([path(1).nlri])
    outgoing.send_table("p", 7)
    outgoing.command("reset", "p")
    process.gone = True
    with pytest.raises(OSError):
        outgoing.send(process, outgoing.take())
    other = Process()
    outgoing.send_table("p", 7)
    outgoing.begin([Peer("192.0.2.2", 65000, name="p")])
    flush(outgoing, other)
    assert other.kinds == ["add", "announce", "eor"]
    assert len(other.told[1][-1]) == 1
