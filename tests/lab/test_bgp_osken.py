"""os-ken's speaker behind the same interface, against our own engine."""

from lab.beds.bgp_bed import Node, attributes, free_port, imet_path, mac_path, wait
from ryu_apps.control.messages import PeerDown
from ryu_apps.peering import Peer

A, B = "127.1.2.1", "127.1.2.2"


def plain(number):
    """A route of what os-ken can say: one label, no Router's MAC."""
    return mac_path("10.1.0.1", number)


def test_os_ken_and_native_exchange_routes():
    port = free_port(A)
    native = Node(A, [Peer(B, 65000, passive=True)], port=port)
    osken = Node(B, [Peer(A, 65000, port=port)], kind="os-ken")
    try:
        native.wait_up(B, 60)
        osken.wait_up(A, 60)
        paths = [plain(n) for n in range(20)] + [imet_path("10.1.0.1")]
        native.engine.announce(paths)
        want = {path.nlri: path for path in paths}
        wait(lambda: osken.received(A) == want, "routes from the native engine")
        group = plain(50)._replace(nlri=plain(50).nlri._replace(mac="01:00:5e:00:00:01"))
        native.engine.announce([group, plain(51)])
        wait(lambda: plain(51).nlri in osken.received(A), "the route after one for a group MAC")
        assert group.nlri not in osken.received(A)
        assert osken.status(A)["refused"] == {"group MAC address": 1}
        native.engine.withdraw([group.nlri, plain(51).nlri])
        back = [plain(n) for n in range(100, 120)]
        osken.engine.announce(back)
        wait(lambda: set(native.received(B)) == {p.nlri for p in back}, "routes from os-ken")
        got = native.received(B)[back[3].nlri]
        assert (got.labels, got.attrs.rts, got.attrs.next_hop) == (
            (100,), attributes("10.1.0.1").rts, "10.1.0.1")
        osken.engine.withdraw([p.nlri for p in back[:5]])
        native.engine.withdraw([p.nlri for p in paths[:5]])
        wait(lambda: native.count(B) == 15 and osken.count(A) == 16, "the withdrawals")
        assert osken.status(A)["state"] == "Established"
        native.stop()
        osken.wait_down(A)
        assert osken.seen(PeerDown)
    finally:
        native.stop()
        osken.stop()
