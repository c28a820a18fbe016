from ryu_apps.control.routes import Attributes
from ryu_apps.peering.adj_rib_out import AdjRibOut
from ryu_apps.peering.attributes import Session
from ryu_apps.peering.nlri import pack_route
from ryu_apps.peering.update import Decoder, pack_reach

IBGP = Session(65000, "192.0.2.1", False, True)
ATTRS = tuple(Attributes("10.0.0.1", ("65000:1",)))
OTHER = tuple(Attributes("10.0.0.1", ("65000:1",), med=1))


def item(number, index=0, labels=(5,)):
    return (2, ("10.0.0.1:1", 0, f"02:00:00:00:00:{number:02x}", ""), index, labels, "", "")


def test_only_changes_are_told():
    rib = AdjRibOut()
    assert len(rib.announce((ATTRS,), [item(1), item(2)])[0]) == 2
    assert rib.announce((ATTRS,), [item(1)]) == ([], [])
    assert len(rib.announce((OTHER,), [item(1)])[0]) == 1
    assert len(rib.announce((OTHER,), [item(1, labels=(5, 6))])[0]) == 1
    assert len(rib.withdraw([item(1)[:2], item(9)[:2]])) == 1
    assert len(rib.routes) == 1


def test_attributes_go_with_their_last_route():
    rib = AdjRibOut()
    rib.announce((ATTRS, OTHER), [item(1), item(2, 1), item(3)])
    assert len(rib._sets) == 2
    rib.withdraw([item(2)[:2]])
    assert len(rib._sets) == 1


def test_messages_tell_the_present_state():
    rib = AdjRibOut()
    keys, _ = rib.announce((ATTRS,), [item(1), item(2)])
    rib.withdraw([item(1)[:2]])
    messages, announced, withdrawn, refused = rib.messages(keys, IBGP)
    assert (announced, withdrawn, refused) == (1, 1, [])
    updates = [Decoder(IBGP).decode(message[19:]) for message in messages]
    assert [route.fields for u in updates for route in u.announced] == [item(2)[1]]
    assert [route.fields for u in updates for route in u.withdrawn] == [item(1)[1]]


def test_a_bad_route_is_refused_alone():
    rib = AdjRibOut()
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
    rib = AdjRibOut()
    keys, _ = rib.announce((tuple(attrs),), [item(1)])
    update = Decoder(IBGP).decode(rib.messages(keys, IBGP)[0][0][19:])
    assert len(update.looped) == 1
    assert not update.announced and not update.withdrawn and not update.notes


def test_every_message_fits():
    nlris = [pack_route(2, item(n)[1], (5,))[1] for n in range(256)]
    messages = pack_reach(nlris, bytes(4), bytes(3000))
    assert all(len(message) <= 4096 for message in messages)
    assert sum(len(list(Decoder(IBGP)._reach(m[27:][: len(m) - 27 - 3000])[1])) for m in messages) \
        == sum(map(len, nlris))
