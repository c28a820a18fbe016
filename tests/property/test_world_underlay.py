"""The underlay table says what peers announce of unicast, whatever happens in between; nothing that
vrouters forward by depends on it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.families import EVPN, IPV4_UNICAST, IPV6_UNICAST
from ryu_apps.control.graceful_restart import Negotiated
from ryu_apps.control.routes import Attributes, Ipv4Prefix, Ipv6Prefix, MacIp, Path
from ryu_apps.control.world import World

from .world_model import DEEPER

PEERS = ("rack1", "rack2")
NLRIS = [
    *map(Ipv4Prefix, ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32")),
    *map(Ipv6Prefix, ("::/0", "fd00::/16", "fd00:1::/32", "fd00:1::9/128")),
]
ADDRESSES = ("10.1.2.3", "10.1.2.4", "10.9.9.9", "192.0.2.1", "fd00:1::9", "fd00:2::9", "2001::1")
FAMILIES = (IPV4_UNICAST, IPV6_UNICAST)
GR = dict.fromkeys(FAMILIES, Negotiated(True, False, True, False, 60))
peer, number = st.sampled_from(PEERS), st.integers(0, len(NLRIS) - 1)
event = st.one_of(
    st.tuples(st.just("announce"), peer, number, st.integers(0, 2)),
    st.tuples(st.just("withdraw"), peer, number),
    st.tuples(st.just("down"), peer),
    st.tuples(st.just("up"), peer),
    st.tuples(st.just("end"), peer, st.sampled_from(FAMILIES)),
)


def new_world():
    world = World(world_settings("n1", 64512, (), peer_kinds=dict.fromkeys(PEERS, "router")))
    world.step(msg.ConfigLoaded(), 0.0)
    return world


@settings(max_examples=150 * DEEPER, deadline=None)
@given(st.lists(event, max_size=30))
def test_the_table_is_what_the_peers_said(events):
    world = new_world()
    said, stale, up = {}, set(), set()
    for kind, name, *arguments in [*(("up", name) for name in PEERS), *events]:
        effects = []
        if kind == "up" and name not in up:
            effects = world.step(msg.PeerUp(name, {}, GR), 0.0)
            up.add(name)
        elif kind == "down" and name in up:
            effects = world.step(msg.PeerDown(name, "cut"), 0.0)
            for key in [key for key in stale if key[0] == name]:
                del said[key]
            stale = {key for key in stale if key[0] != name}
            stale |= {key for key in said if key[0] == name}
            up.discard(name)
        elif kind == "announce" and name in up:
            nlri = NLRIS[arguments[0]]
            attrs = Attributes(f"198.51.100.{arguments[1] + 1}", (), encaps=(),
                               as_path=(65000,) * arguments[1])
            effects = world.step(msg.PathsReceived(name, (Path(nlri, attrs, ()),)), 0.0)
            said[name, nlri] = attrs
            stale.discard((name, nlri))
        elif kind == "withdraw" and name in up:
            nlri = NLRIS[arguments[0]]
            effects = world.step(msg.PathsReceived(name, (), (nlri,)), 0.0)
            said.pop((name, nlri), None)
            stale.discard((name, nlri))
        elif kind == "end" and name in up:
            effects = world.step(msg.EndOfRib(name, arguments[0]), 0.0)
            gone = {key for key in stale if key[1].family == arguments[0]}
            gone = {key for key in gone if key[0] == name}
            stale -= gone
            for key in gone:
                del said[key]
        assert {type(effect) for effect in effects} <= {
            msg.Notice, msg.SendEndOfRib, msg.ConfigDoubted, msg.CatchUp}
        check(world, said, stale)


def check(world, said, stale):
    found = list(world.underlay.routes())
    assert {(one.peer, one.prefix): (one.next_hop, one.as_path, one.stale) for one in found} == {
        (name, nlri.prefix): (attrs.next_hop, attrs.as_path, (name, nlri) in stale)
        for (name, nlri), attrs in said.items()}
    nets = {nlri.prefix for _, nlri in said}
    assert len(world.underlay) == len(nets)
    firsts = [one for n, one in enumerate(found) if not n or found[n - 1].prefix != one.prefix]
    assert all(one.best for one in firsts) and sum(one.best for one in found) == len(nets)
    assert [one.prefix for one in firsts] == sorted(
        nets, key=lambda net: (":" in net, ipaddress.ip_network(net)))
    for one in firsts:
        of = [attrs for (name, nlri), attrs in said.items()
              if nlri.prefix == one.prefix and (name, nlri) not in stale]
        if of:
            assert not one.stale and len(one.as_path) == min(len(a.as_path) for a in of)
    for address in ADDRESSES:
        parsed = ipaddress.ip_address(address)
        inside = [net for net in map(ipaddress.ip_network, nets) if parsed in net]
        way = world.underlay.to(address)
        want = str(max(inside, key=lambda net: net.prefixlen)) if inside else ""
        assert {one.prefix for one in way} == ({want} if want else set())
        assert list(way) == [one for one in found if one.prefix == want]


def test_a_node_that_starts_waits_for_no_underlay():
    world = World(world_settings("n1", 64512, ("rack1",), peer_kinds={"rack1": "router"}))
    world.step(msg.ConfigLoaded(), 0.0)
    families = {EVPN: Negotiated(True, False, True, False, 60), **GR}
    world.step(msg.PeerUp("rack1", {}, families), 1.0)
    assert not world.convergence.converged
    world.step(msg.EndOfRib("rack1", EVPN), 1.1)
    assert world.convergence.converged


def test_the_way_to_a_hypervisor_through_a_router_is_no_sign_of_a_reflector():
    world = World(world_settings("n1", 64512, (), peer_kinds={"rack1": "auto"}))
    world.step(msg.ConfigLoaded(), 0.0)
    world.step(msg.StatusChanged((("/status/elements/hv9", {
        "element": "hv9", "vtep": "192.0.2.9", "owner": "n2", "connected": True}),)), 0.0)
    world.step(msg.PeerUp("rack1", {}, GR), 0.0)

    def notices(nlri):
        path = Path(nlri, Attributes("192.0.2.9", ("64512:1",)), (1,))
        return [effect.text for effect in world.step(msg.PathsReceived("rack1", (path,)), 0.0)
                if isinstance(effect, msg.Notice)]

    assert not notices(Ipv4Prefix("192.0.2.9/32"))
    assert "reflector" in notices(MacIp("192.0.2.9:1", 0, "02:00:00:00:00:01", ""))[0]


def test_what_is_no_address_is_refused():
    with pytest.raises(ValueError, match="address"):
        new_world().underlay.to("rack1")
