"""What the kernel of the node knows of an address, asked in a namespace of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ASK = """
import json, sys
from ryu_apps.southbound.ovsdb.contents.vtep import vtep_problem
print(json.dumps([vtep_problem(vtep, peer) for vtep, peer in json.loads(sys.argv[1])]))
"""


@pytest.fixture
def asked():
    """Answers for (VTEP, peer), on a node with the addresses 192.0.2.9/24 and 2001:db8::9/64."""
    name = "vtep-knowledge"
    subprocess.run(["ip", "netns", "add", name], check=True)

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", "-n", name, *arguments], check=True)

    def ask(*pairs: tuple[str, str]) -> list[str]:
        done = subprocess.run(
            ["ip", "netns", "exec", name, sys.executable, "-c", ASK, json.dumps(pairs)],
            check=True, capture_output=True, text=True,
        )
        return json.loads(done.stdout)

    try:
        ip("link", "set", "lo", "up")
        ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        ip("addr", "add", "192.0.2.9/24", "brd", "+", "dev", "eth0")
        ip("addr", "add", "2001:db8::9/64", "dev", "eth0", "nodad")
        ip("link", "set", "eth0", "up")
        yield ask
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


def test_what_can_be_a_vtep_and_what_cannot(asked):
    good = [("192.0.2.7", "192.0.2.7"), ("203.0.113.1", "192.0.2.7")]
    local = [("192.0.2.9", peer) for peer in ("192.0.2.9", "127.0.0.1", "2001:db8::9", "::1")]
    assert asked(*good, *local) == [""] * 6
    assert asked(("192.0.2.9", "192.0.2.7"), ("192.0.2.9", "2001:db8::7"),
                 ("192.0.2.255", "192.0.2.7")) == [
        "192.0.2.9 is an address of this node", "192.0.2.9 is an address of this node",
        "192.0.2.255 is the broadcast address of a network that this node is in",
    ]  # fmt: skip
