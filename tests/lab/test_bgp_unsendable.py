"""A route that cannot be encoded costs nobody else's: not in its batch, not in later sessions."""

import pytest

from lab.beds.bgp_bed import Node, free_port, mac_path, wait
from ryu_apps.peering import Peer

A, B = "127.1.2.1", "127.1.2.2"


@pytest.fixture
def pair():
    port = free_port(A)
    first = Node(A, [Peer(B, 65000, passive=True)], port=port)
    second = Node(B, [Peer(A, 65000, port=port, connect_retry=0.2)])
    first.wait_up(B)
    second.wait_up(A)
    yield first, second
    first.stop()
    second.stop()


BAD = {
    "mobility": {"mobility": 1 << 32},  # fits the message to the process, not the UPDATE
    "huge": {"med": 1 << 64},  # fits neither
    "AS": {"as_path": (1 << 32,)},
    "targets": {"rts": tuple(sorted(f"65000:{n}" for n in range(600)))},
}


@pytest.mark.parametrize("name", BAD)
def test_a_route_that_cannot_be_encoded_is_left_out_alone(pair, name):
    first, second = pair
    good = [mac_path(A, number) for number in range(100)]
    bad = mac_path(A, 200)
    first.engine.announce([*good, bad])
    wait(lambda: second.count(A) == 101, "all routes")
    bad = bad._replace(attrs=bad.attrs._replace(**BAD[name]))
    more = [mac_path(A, number) for number in range(300, 310)]
    first.engine.announce([more[0], bad, *more[1:]])
    first.engine.end_of_rib()
    want = {path.nlri: path for path in (*good, *more)}
    wait(lambda: second.received(A) == want, "the others, and the bad one's withdrawal")
    wait(lambda: second.end_of_ribs(A) == 1, "End-of-RIB")
    # A later session is told the same.
    second.routes.clear()
    second.engine.reset_peer(A)
    wait(lambda: second.end_of_ribs(A) == 2, "End-of-RIB of the next session")
    assert second.received(A) == want
    if name != "huge":
        assert first.status(B)["counters"]["announcements_refused"] >= 1
