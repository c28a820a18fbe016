import pytest

from ryu_apps.control.families import EVPN
from ryu_apps.control.routes import Attributes
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.nlri_evpn import pack_route
from ryu_apps.peering.codec.update import Decoder, Update, pack_reach
from ryu_apps.peering.native.adj_rib_out import AdjRibOut

CODEC = FAMILIES[EVPN]
IBGP = SessionParameters(65000, "192.0.2.1", False, True)
ATTRS = tuple(Attributes("10.0.0.1", ("65000:1",)))
OTHER = tuple(Attributes("10.0.0.1", ("65000:1",), med=1))


def item(number, index=0, labels=(5,)):
    return (2, ("10.0.0.1:1", 0, f"02:00:00:00:00:{number:02x}", ""), index, labels, "", "")


def test_only_changes_are_told():
    rib = AdjRibOut(CODEC)
    assert len(rib.announce((ATTRS,), [item(1), item(2)])[0]) == 2
    assert rib.announce((ATTRS,), [item(1)]) == ([], [])
    assert len(rib.announce((OTHER,), [item(1)])[0]) == 1
    assert len(rib.announce((OTHER,), [item(1, labels=(5, 6))])[0]) == 1
    assert len(rib.withdraw([item(1)[:2], item(9)[:2]])) == 1
    assert len(rib.routes) == 1


def test_attributes_go_with_their_last_route():
    rib = AdjRibOut(CODEC)
    rib.announce((ATTRS, OTHER), [item(1), item(2, 1), item(3)])
    assert len(rib._sets) == 2
    rib.withdraw([item(2)[:2]])
    assert len(rib._sets) == 1


def test_messages_tell_the_present_state():
    rib = AdjRibOut(CODEC)
    keys, _ = rib.announce((ATTRS,), [item(1), item(2)])
    rib.withdraw([item(1)[:2]])
    messages, announced, withdrawn, refused = rib.messages(keys, IBGP)
    assert (announced, withdrawn, refused) == (1, 1, [])
    updates = [Decoder(IBGP).decode(message[19:]) for message in messages]
    assert [route.fields for u in updates for route in u.announced] == [item(2)[1]]
    assert [route.fields for u in updates for route in u.withdrawn] == [item(1)[1]]


def test_a_bad_route_is_refused_alone():
    rib = AdjRibOut(CODEC)
    bad = [(2, ("x", 0, "02:00:00:00:00:01", ""), 0, (5,), "", ""), item(1, labels=()),
           (2, ("1:1", 0, "02:00", ""), 0, (5,), "", ""), (9, ("1:1",), 0, (), "", ""),
           (5, ("1:1", 0, "10.0.0.0/33"), 0, (5,), "", ""), item(1, labels=(1 << 24,))]
    changed, refused = rib.announce((ATTRS,), [*bad, item(2)])
    assert len(changed) == 1
    assert len(refused) == len(bad)


def test_a_four_byte_distinguisher_of_a_small_as_is_another_route():
    short, _ = pack_route(3, ("100:5", 0, "10.0.0.1"))
    long, _ = pack_route(3, ("100L:5", 0, "10.0.0.1"))
    assert short != long


def test_a_withdrawn_loop_is_kept_apart():
    attrs = Attributes("10.0.0.1", ("65000:1",), originator_id="192.0.2.1")
    rib = AdjRibOut(CODEC)
    keys, _ = rib.announce((tuple(attrs),), [item(1)])
    update = Decoder(IBGP).decode(rib.messages(keys, IBGP)[0][0][19:])
    assert len(update.looped) == 1
    assert not update.announced and not update.withdrawn and not update.notes


def test_every_message_fits():
    nlris = [pack_route(2, item(n)[1], (5,))[1] for n in range(256)]
    messages = pack_reach(CODEC, nlris, bytes(4), bytes(3000))
    assert all(len(message) <= 4096 for message in messages)
    fields = [message[27:][: len(message) - 27 - 3000] for message in messages]
    assert sum(len(Decoder(IBGP)._reach(field, Update())[2]) for field in fields) == sum(
        map(len, nlris))


UNPACKABLE = [
    {"mobility": 1 << 32}, {"mobility": -1, "sticky": True}, {"med": 1 << 32},
    {"local_pref": 1 << 32}, {"local_pref": -1}, {"origin": 256}, {"as_path": (1 << 32,)},
    {"as_path": ("x",)}, {"encaps": ("70000",)}, {"encaps": ("vxlan", "nonsense")},
    {"router_mac": "02:00"},
    {"router_mac": "zz:00:00:00:00:01"}, {"next_hop": "10.0.0"}, {"next_hop": None},
    {"originator_id": "300.0.0.1"}, {"cluster_list": ("x",)}, {"rts": ("x",)},
    {"rts": ("65000:4294967296",)}, {"rts": tuple(f"65000:{n}" for n in range(600))},
    {"rts": tuple(f"65000:{n}" for n in range(9000))}, {"rts": 5},
]


def changed(**values):
    return tuple(Attributes(*ATTRS)._replace(**values))


def told(rib, keys, session=IBGP):
    """(fields announced, fields withdrawn, how many refused) of the messages about ``keys``."""
    messages, announced, _, refused = rib.messages(keys, session)
    decoder = Decoder(session._replace(local_as=64999, router_id="192.0.2.9"))
    updates = [decoder.decode(message[19:]) for message in messages]
    fields = [route.fields for u in updates for route in u.announced]
    assert len(fields) == announced
    return fields, [route.fields for u in updates for route in u.withdrawn], len(refused)


@pytest.mark.parametrize("values", UNPACKABLE, ids=lambda values: str(values)[:40])
@pytest.mark.parametrize("as4", [True, False])
@pytest.mark.parametrize("ebgp", [True, False])
def test_attributes_that_cannot_be_packed_are_refused_alone(values, as4, ebgp):
    if ebgp and {"local_pref", "originator_id", "cluster_list"} & values.keys():
        pytest.skip("not sent to an external peer")
    session = IBGP._replace(as4=as4, ebgp=ebgp)
    rib = AdjRibOut(CODEC)
    good = [item(1), item(3)]
    _, at_once = rib.announce((ATTRS, changed(**values)), [good[0], item(2, 1), good[1]])
    fields, _, later = told(rib, rib.table(), session)
    assert sorted(fields) == sorted(one[1] for one in good)
    assert len(at_once) + later == 1


@pytest.mark.parametrize("values", UNPACKABLE, ids=lambda values: str(values)[:40])
def test_what_can_no_longer_be_told_is_withdrawn(values):
    rib = AdjRibOut(CODEC)
    rib.announce((ATTRS,), [item(1), item(2)])
    keys, _ = rib.announce((changed(**values),), [item(1)])
    assert told(rib, keys)[:2] == ([], [item(1)[1]])
    keys, _ = rib.announce((OTHER,), [item(1)])
    assert told(rib, keys) == ([item(1)[1]], [], 0)


def test_a_route_whose_labels_no_longer_fit_is_withdrawn():
    rib = AdjRibOut(CODEC)
    rib.announce((ATTRS,), [item(1)])
    keys, refused = rib.announce((ATTRS,), [item(1, labels=(1 << 24,))])
    assert len(refused) == rib.refused == 1
    assert told(rib, keys)[:2] == ([], [item(1)[1]])
