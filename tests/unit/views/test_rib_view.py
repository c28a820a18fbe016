"""``/v1/rib``: filters, order and pages; what is said of routes that are of no use; and that no
single question to the controller thread is about many routes."""

from __future__ import annotations

import itertools

from lab.beds.option_values import world_settings
from ryu_apps.control.config.model import Network, Port
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, Ipv4Prefix, Ipv6Prefix, MacIp, Path
from ryu_apps.views.live import FEW, SLICE, LiveView
from tests.property.world_model import ASN, Node, target
from tests.unit.control.explain_support import FAR, Site, host, prefix


class Thread:
    """Answers queries of a World, and notes how much each was about."""

    def __init__(self, node: Node) -> None:
        self._world = node.world
        self.sizes: list[int] = []

    def query(self, function, timeout: float = 10.0):
        answer = function(self._world)
        if type(answer) is list:
            self.sizes.append(len(answer))
        return answer


def view(node: Node) -> tuple[LiveView, Thread]:
    thread = Thread(node)
    return LiveView(thread, None, None, None, None, dict, dict), thread


def listed(node: Node, **wanted: str | tuple) -> list[dict]:
    query = {
        name: frozenset((value,) if type(value) is str else value)
        for name, value in wanted.items()
    }
    return view(node)[0].rib(query, 0, 10_000)[0]


def test_filters_and_order():
    site = Site()
    site.elsewhere(FAR)
    site.hear(
        prefix(), prefix("10.9.0.0/16"), host("10.0.0.50"), host("10.0.0.51", (101, 201)),
        Path(Imet(f"{FAR}:1", 0, FAR), Attributes(FAR, (target(101),)), (101,)),
        Path(IpPrefix(f"{FAR}:9", 0, "10.8.0.0/16"), Attributes(FAR, ("65001:7",)), (7,)),
        Path(Ipv4Prefix("10.9.0.0/16"), Attributes(FAR, (), encaps=()), ()),
        Path(Ipv6Prefix("fd00::/16"), Attributes("fd00::1", (), encaps=()), ()),
    )
    site.receive("p2", (prefix(local_pref=50),))
    site.settle()
    everything = listed(site)
    families = ["ipv4-unicast", "ipv6-unicast", "l2vpn-evpn"]
    key = ("type", "rd", "mac", "ip", "prefix", "peer")
    order = [(families.index(one["family"]), *(str(one.get(name, "")) for name in key))
             for one in everything]
    assert order == sorted(order) and len(everything) == sum(1 for _ in site.world.rib.all_paths())
    far = [one for one in everything if one["peer"] != "local"]
    assert len(far) == 9
    assert [(one["prefix"], one["type"], one["hint"]) for one in everything[:2]] == [
        ("10.9.0.0/16", None, ""), ("fd00::/16", None, "")]

    def check(**wanted) -> None:
        """The filter takes just what its words say."""
        def fits(one: dict) -> bool:
            for name, values in wanted.items():
                have = one.get({"rt": "rts"}.get(name, name))
                have = have if type(have) is list else [have]
                given = (values,) if type(values) is str else values
                if not any(str(item).lower() in given for item in have):
                    return False
            return True

        assert listed(site, **wanted) == [one for one in everything if fits(one)], wanted
        assert any(map(fits, everything)), wanted

    for wanted in (
        {"type": "5"}, {"type": ("2", "3")}, {"mac": "02:00:00:00:00:50"}, {"ip": "10.0.0.51"},
        {"prefix": "203.0.113.0/24"}, {"rd": f"{FAR}:1"}, {"peer": "p1"}, {"peer": "local"},
        {"next_hop": FAR}, {"rt": "65001:7"}, {"rt": target(101)}, {"evi": "101"}, {"vrf": "201"},
        {"family": "l2vpn-evpn"}, {"family": ("ipv4-unicast", "ipv6-unicast")},
        {"family": "ipv4-unicast", "prefix": "10.9.0.0/16"},
        {"best": "true"}, {"best": "false"}, {"best": ("true", "false")},
        {"vrf": "201", "type": "2"}, {"peer": "p1", "best": "true", "prefix": "10.9.0.0/16"},
    ):
        check(**wanted)
    assert listed(site, best="false")[0]["peer"] == "p2"
    assert listed(site, evi="999") == [] and listed(site, evi="201") == []


def test_pages_are_described_in_slices_and_nothing_else_is():
    site = Site(world_settings("n1", ASN, restart_deferral=0))
    number = 3 * SLICE + 7
    site.hear(*(
        Path(MacIp(f"{FAR}:1", 0, f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}", ""),
             Attributes(FAR, (target(999),)), (999,))
        for n in range(number)
    ))  # fmt: skip
    live, thread = view(site)
    shown, total = live.rib({"type": {"2"}, "peer": {"p1"}}, 0, 10_000)
    assert total == len(shown) == number
    assert max(thread.sizes) <= SLICE and sum(thread.sizes) == number
    pages = list(itertools.chain.from_iterable(
        live.rib({"peer": {"p1"}}, offset, 400)[0] for offset in range(0, number, 400)))
    assert pages == shown
    thread.sizes.clear()
    one, total = live.rib({"mac": {"02:00:00:00:00:07"}}, 0, 1)
    assert total == 1 and one[0]["mac"] == "02:00:00:00:00:07" and thread.sizes == [1]
    assert live.rib({}, 10**6, 5)[0] == []


def test_why_a_route_is_not_used():
    site = Site()
    site.hear(
        prefix(router_mac=""), prefix("10.9.0.0/16", gateway="10.0.0.77", label=0),
        prefix("10.8.0.0/16", gateway="10.0.0.11", label=0),
        prefix("10.7.0.0/16", esi="00" * 9 + "01", label=0), prefix("10.6.0.0/16"),
    )
    said = {one["prefix"]: one["unused"] for one in listed(site, type="5", peer="p1")}
    assert said["10.6.0.0/16"] == said["10.8.0.0/16"] == []
    for name, words in (("203.0.113.0/24", "Router's MAC"), ("10.9.0.0/16", "10.0.0.77"),
                        ("10.7.0.0/16", "Ethernet segment")):
        (one,) = said[name]
        assert one["vni"] == 201 and words in one["reason"]
    (one,) = listed(site, prefix="10.8.0.0/16")
    assert one["gateway"] == "10.0.0.11" and one["vrf"] == [201] and one["hint"] == ""


def test_a_target_that_nobody_imports_is_pointed_out():
    site = Site()
    attrs = Attributes(FAR, ("65001:101",))
    nlri = MacIp(f"{FAR}:1", 0, "02:00:00:00:00:50", "")
    site.hear(Path(nlri, attrs, (101,)))
    (one,) = listed(site, peer="p1")
    assert one["evi"] == [] and one["hint"] == (
        f"imported by none; VNI 101 is network a, which imports {target(101)}")
    site.hear(Path(nlri, attrs, (4711,)))
    (one,) = listed(site, peer="p1")
    assert one["hint"] == "imported by none"
    assert all(one["hint"] == "" for one in listed(site, peer="local"))
    any_as = Site(world_settings("n1", ASN, restart_deferral=0, import_any_as=True))
    any_as.hear(Path(nlri, attrs, (101,)))
    (one,) = listed(any_as, peer="p1")
    assert one["evi"] == [101] and one["hint"] == ""
    assert listed(any_as, evi="101", peer="p1") == [one]


def test_other_lists_are_read_in_slices_too():
    site = Site()
    for number in range(SLICE + 3):
        site.set("network", f"n{number}", Network(f"n{number}", 5000 + number, 50 + number))
        site.set("port", f"n{number}", Port(f"n{number}", f"n{number}", "fa:16:3e:09:09:09"))
    for number in range(FEW + 3):
        site.elsewhere(f"192.0.2.{100 + number}")
    site.settle()
    live, thread = view(site)
    evis = live.evis()
    assert [one["vni"] for one in evis] == sorted(one["vni"] for one in evis) == live.vnis("evi")
    assert len(evis) > SLICE and [one["vni"] for one in live.vrfs()] == [201]
    ports = [*site.world.config.ports, "unknown"]
    assert list(live.port_states(ports)) == ports and live.port_states(["a1"])["a1"].host == "host0"
    assert [one["id"] for one in live.port_list(ports)] == ports
    thread.sizes.clear()
    live.evis()
    live.port_states(ports)
    assert SLICE in thread.sizes and sum(size > SLICE for size in thread.sizes) == 1, "the VNIs"


def test_elements_are_read_a_few_at_a_time():
    site = Site()
    for number in range(2 * FEW):
        site.elsewhere(f"192.0.2.{100 + number}")
    site.settle()
    live, thread = view(site)
    live._southbound = live._edge = type("", (), {"status": dict, "__call__": lambda *_: {}})()
    live._southbound.status = lambda element: {}
    found = live.elements()
    assert len(found) == len(site.world.elements.records) == 2 * FEW + 2
    assert {
        one["id"]: sorted(port["id"] for port in one["ports"]) for one in found if one["mine"]
    } == {
        "e0": ["a1", "b1"], "e1": ["a2", "b2"]}
    assert thread.sizes[1:] == [FEW, FEW, 2, 0]
