"""LLDP at a switch of the lab: ``python -m lab.fabric.lldp`` in its namespace.

It speaks at all ports of a name, also at those that come later, and writes what it hears to a file:
port -> the neighbours there, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import socket
import sys
import time
from pathlib import Path

from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon
from vrouter_ovs.proxies.lldp import ETH_LLDP, NEAREST_BRIDGE, Neighbour, decode, encode
from vrouter_ovs.proxies.packet import Malformed

PORTS = re.compile(r"(swp|up)\d+")
SOL_PACKET, ADD_MEMBERSHIP, MULTICAST = 263, 1, 0
"""Of packet(7)."""


def daemon(
    journal: Journal, space: Namespace, directory: Path, said: Neighbour, interval: float
) -> Daemon:
    """The process for the switch of ``space``; ``interval``: seconds between two frames."""
    argv = [
        sys.executable, "-m", "lab.fabric.lldp", "--file", f"{directory}/neighbours.json",
        "--interval", str(interval), "--said", json.dumps(said._asdict()),
    ]  # fmt: skip
    return Daemon(journal, "lldp", argv, directory, space)


def neighbours(directory: Path) -> dict[str, list[dict]]:
    """What the switch hears, by port."""
    try:
        return json.loads((directory / "neighbours.json").read_text())
    except OSError:
        return {}


class Speaker:
    def __init__(self, said: Neighbour, file: Path) -> None:
        self._said = said
        self._file = file
        self._sockets: dict[str, socket.socket] = {}
        self._heard: dict[str, dict[str, tuple[Neighbour, float]]] = {}
        self._written = ""

    def look(self) -> None:
        """Find ports that came or went."""
        there = {name for name in os.listdir("/sys/class/net") if PORTS.fullmatch(name)}
        for name in self._sockets.keys() - there:
            self._sockets.pop(name).close()
        for name in there - self._sockets.keys():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_LLDP))
            made.bind((name, ETH_LLDP))
            index = socket.if_nametoindex(name)
            made.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, index.to_bytes(4, sys.byteorder)
                            + MULTICAST.to_bytes(2, sys.byteorder)
                            + (6).to_bytes(2, sys.byteorder) + NEAREST_BRIDGE + bytes(2))
            made.setblocking(False)
            self._sockets[name] = made

    def speak(self) -> None:
        for name, made in self._sockets.items():
            source = Path(f"/sys/class/net/{name}/address").read_text().strip()
            try:
                made.send(encode(source, self._said._replace(port=name)))
            except OSError:
                pass  # It has no carrier.

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for made in select.select(list(self._sockets.values()), [], [], left)[0]:
                try:
                    frame, where = made.recvfrom(2048)
                    said = decode(frame)
                except (OSError, Malformed):
                    continue
                # Our own, as it leaves, is no neighbour's.
                if where[2] != socket.PACKET_OUTGOING:
                    self._heard.setdefault(where[0], {})[said.chassis] = said, time.monotonic()

    def write(self) -> None:
        now = time.monotonic()
        text = json.dumps({
            port: [said._asdict() for said, at in known.values() if now < at + said.ttl]
            for port, known in sorted(self._heard.items())
        })
        if text != self._written:
            partial = self._file.with_suffix(".new")
            partial.write_text(text)
            partial.replace(self._file)
            self._written = text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--said", type=json.loads, required=True)
    options = parser.parse_args()
    said = {name: tuple(value) if isinstance(value, list) else value
            for name, value in options.said.items()}  # fmt: skip
    speaker = Speaker(Neighbour(**said), options.file)
    while True:
        speaker.look()
        speaker.speak()
        speaker.listen(options.interval)
        speaker.write()


if __name__ == "__main__":
    main()
