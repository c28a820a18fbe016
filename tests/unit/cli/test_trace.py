"""vnctl trace: whole traces through two real switches with the real pipeline."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.beds.sandbox import Sandbox
from ryu_apps.cli.trace.topology import Topology
from ryu_apps.cli.vnctl import main
from ryu_apps.northbound.base import PortState
from ryu_apps.views.vrouters import plain
from tests.hops import bridged, routed
from tests.unit.northbound.api_client import Node
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    DnsServer,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalHop,
    LocalPort,
    Neighbor,
    Policy,
    Punt,
    RemoteMac,
    Route,
    Rule,
    Tunnel,
    Vrf,
    Vrouter,
)

NAMES = ("hv1", "hv2")
VTEPS = ("192.0.2.1", "192.0.2.2")
ROUTER_MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


class Bed:
    """Networks web and db with a router; web1, web2 and db2 on hv1, hv2, hv2."""

    def __init__(self, directory: Path) -> None:
        self.node = Node()
        self.switches = (Sandbox(), Sandbox())
        script = directory / "run"
        script.write_text(
            "#!/bin/sh\nhost=$1; tool=$2; shift 2\ncase $host in\n"
            + "".join(
                f"{name}) exec $tool --target={switch.ctl} \"$@\";;\n"
                for name, switch in zip(NAMES, self.switches, strict=True)
            )
            + "esac\nexit 9\n"
        )
        script.chmod(0o755)
        self.template = f"{script} {{host}}"
        self.clients = []

    def start(self) -> None:
        make = self.node.make
        self.web, self.db = make("network", name="web"), make("network", name="db")
        subnets = [
            make("subnet", network_id=network["id"], cidr=cidr, ip_version=4)
            for network, cidr in ((self.web, "10.1.0.0/24"), (self.db, "10.2.0.0/24"))
        ]
        self.router = make("router", name="r")
        for subnet in subnets:
            self.node.call(
                "PUT", f"/v2.0/routers/{self.router['id']}/add_router_interface",
                {"subnet_id": subnet["id"]},
            )  # fmt: skip
        self.ports = {
            name: make("port", network_id=network["id"], name=name)
            for name, network in (("web1", self.web), ("web2", self.web), ("db2", self.db))
        }
        self._program()
        self._tell()

    def _address(self, name: str) -> str:
        return self.ports[name]["fixed_ips"][0]["ip_address"]

    def _gateway(self, network: dict, address: str) -> Gateway:
        query = f"?network_id={network['id']}&device_owner=network:router_interface"
        (port,) = self.node.call("GET", "/v2.0/ports" + query)["ports"]
        return Gateway(
            network["provider:segmentation_id"], 5000, port["mac_address"], (address,)
        )

    def _program(self) -> None:
        web, db = (one["provider:segmentation_id"] for one in (self.web, self.db))
        gateways = [self._gateway(self.web, "10.1.0.1"), self._gateway(self.db, "10.2.0.1")]
        places = {"web1": (0, web, 11), "web2": (1, web, 12), "db2": (1, db, 13)}
        self.objects: dict[str, list] = {}
        for here, (name, switch) in enumerate(zip(NAMES, self.switches, strict=True)):
            switch.start()
            switch.add_underlay(VTEPS[here])
            switch.add_ports(*(port for at, _, port in places.values() if at == here))
            switch.add_tunnel(100 + here, VTEPS[1 - here])
            mine = ROUTER_MACS[here]
            objects: list = [
                Vrouter(mine), Tunnel(Endpoint(VTEPS[1 - here]), 100 + here), Evi(web), Evi(db),
                Vrf(5000, mine), *gateways, Flood(web, ()),
                FloodRemotes(web, (bridged(VTEPS[1 - here], web),)),
            ]  # fmt: skip
            for port_name, (at, evi, ofport) in places.items():
                port = self.ports[port_name]
                mac, address = port["mac_address"], self._address(port_name)
                gateway = gateways[evi == db].mac
                if at == here:
                    objects.append(LocalPort(port["id"], ofport, evi, mac, ((mac, address),)))
                    hop = LocalHop(ofport, evi, mac, gateway)
                else:
                    objects.append(RemoteMac(evi, mac, (bridged(VTEPS[at], evi),)))
                    hop = routed(VTEPS[at], 5000, ROUTER_MACS[at])
                objects.append(Route(5000, f"{address}/32", (hop,)))
                objects.append(Neighbor(evi, address, mac, remote=at != here))
            # A third party's: known by its route only.
            objects.append(Neighbor(web, "10.1.0.200", "02:aa:00:00:00:01"))
            objects.append(RemoteMac(web, "02:aa:00:00:00:01", (bridged(VTEPS[1 - here], 77),)))
            self.clients.append(switch.connect())
            self.clients[-1].make_meters()
            self.clients[-1].install(objects)
            self.objects[name] = objects

    def _tell(self) -> None:
        view = self.node.view
        view.element_list = [
            {"id": name, "element": name, "hostname": name, "vtep": vtep}
            for name, vtep in zip(NAMES, VTEPS, strict=True)
        ]
        for name, objects in self.objects.items():
            view.objects[name] = [{"kind": one.kind, **plain(one)} for one in objects]
            for one in objects:
                if isinstance(one, LocalPort):
                    view.states[one.port_id] = PortState("ACTIVE", name, name)
                    view.details[one.port_id] = {"claims": [
                        {"element": name, "host": name, "interface": "p", "holds": True,
                         "ofport": one.ofport if name == "hv1" else None, "reason": ""}
                    ]}  # fmt: skip

    def trace(self, *words: str) -> tuple[int, str]:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = main(["--url", self.node.url, "trace", *words, "--exec", self.template])
        return status, out.getvalue()

    def data(self, *words: str) -> dict:
        return json.loads(self.trace(*words, "--json")[1])

    def close(self) -> None:
        for client in self.clients:
            client.close()
        for switch in self.switches:
            switch.stop()
        self.node.close()


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    one = Bed(tmp_path_factory.mktemp("vnctl"))
    try:
        one.start()
        yield one
    finally:
        one.close()


def test_within_a_network_across_hypervisors(bed: Bed):
    status, shown = bed.trace("web1", bed._address("web2"))
    assert status == 0, shown
    assert "DELIVERED to port web2 on hv2" in shown
    for word in ("hop 1: hv1 (192.0.2.1)", "hop 2: hv2", "classify", "VXLAN to 192.0.2.2"):
        assert word in shown
    data = bed.data("web1", bed._address("web2"), "--tcp", "443")
    assert data["verdict"] == "delivered" and "tcp_dst=443" in data["hops"][1]["flow"]
    assert [step["table_name"] for step in data["hops"][1]["steps"]] == [
        "classify", "bridge", "deliver", "port", "receive"
    ]  # fmt: skip


def test_between_networks_and_back(bed: Bed):
    for source, to in (("web1", "db2"), ("db2", "web1")):
        data = bed.data(source, bed._address(to))
        assert data["verdict"] == "delivered" and data["to"]["name"] == to, data
        assert len(data["hops"]) == 2 and "nw_ttl=63" in data["hops"][1]["flow"]
        assert "tun_id=5000" in data["hops"][1]["flow"]


def test_routed_on_one_hypervisor(bed: Bed):
    data = bed.data("db2", bed._address("web2"), "--udp", "53")
    assert data["verdict"] == "delivered" and len(data["hops"]) == 1


def test_the_gateway_answers(bed: Bed):
    status, shown = bed.trace("web1", "10.2.0.1")
    assert status == 0 and "ANSWERED by hv1" in shown, shown


def test_no_route(bed: Bed):
    status, shown = bed.trace("web1", "10.2.0.77")
    assert status == 1 and "DROPPED on hv1" in shown and "no route" in shown, shown


def test_an_address_of_a_known_subnet_that_nobody_has(bed: Bed):
    """The subnet's own route drops, so that unknown addresses do not follow a default route."""
    bed.clients[0].install([Route(5000, "10.2.0.0/24", ())])
    data = bed.data("web1", "10.2.0.78")
    assert data["verdict"] == "dropped" and data["flow"] and "nobody is known" in data["reason"]


def test_nobody_there(bed: Bed):
    status, shown = bed.trace("web1", "10.1.0.99")
    assert status == 1 and "NOT SENT: nobody answers for the on-link neighbor" in shown, shown


def test_an_address_of_another_system_is_found_by_its_route(bed: Bed):
    """hv2 has no EVI with the VNI that it asks for, so the packet ends there and it is said."""
    data = bed.data("web1", "10.1.0.200")
    assert data["verdict"] == "dropped" and data["table"] == "claim" and len(data["hops"]) == 2


def test_an_answer_that_the_switch_refused_is_none(bed: Bed):
    """Nor is what nobody has told the switch, whatever is configured."""
    address = bed._address("web2")
    kept = bed.node.view.objects["hv1"]
    for change in ({"refused": "no space"}, None):
        bed.node.view.objects["hv1"] = [
            {**one, **(change or {})} if one.get("address") == address else one
            for one in kept if change or one.get("address") != address
        ]  # fmt: skip
        try:
            status, shown = bed.trace("web1", address)
        finally:
            bed.node.view.objects["hv1"] = kept
        assert status == 1 and "NOT SENT: nobody answers" in shown, shown
        assert ("refused the answer (no space)" if change else "nobody is known") in shown


def test_a_tunnel_that_is_down_delivers_nothing(bed: Bed):
    """The switch sends into it all the same."""
    hv1 = bed.node.view.element_list[0]
    hv1["tunnels"] = [{"vtep": VTEPS[1], "ofport": 100, "bfd": "down", "error": ""}]
    try:
        data = bed.data("web1", bed._address("web2"))
        assert data["verdict"] == "dropped" and "BFD" in data["reason"] and data["host"] == "hv1"
        hv1["tunnels"][0]["bfd"] = "up"
        assert bed.data("web1", bed._address("web2"))["verdict"] == "delivered"
    finally:
        del hv1["tunnels"]


def test_a_vtep_that_is_no_hypervisor(bed: Bed):
    kept = bed.node.view.element_list
    bed.node.view.element_list = kept[:1]
    try:
        data = bed.data("web1", bed._address("web2"))
    finally:
        bed.node.view.element_list = kept
    assert data["verdict"] == "left" and "192.0.2.2" in data["reason"]


def test_a_loop_ends(bed: Bed):
    """Both switches route an address to each other."""
    for here, client in enumerate(bed.clients):
        there = 1 - here
        hop = routed(VTEPS[there], 5000, ROUTER_MACS[there])
        client.install([Route(5000, "10.66.0.0/16", (hop,))])
    data = bed.data("web1", "10.66.0.1")
    # Split horizon: what came from a tunnel does not enter one again.
    assert data["verdict"] == "dropped" and len(data["hops"]) == 2, data["verdict"]


def test_a_hypervisor_that_does_not_answer(bed: Bed, capsys):
    status = main(["--url", bed.node.url, "trace", "web1", "10.2.0.1", "--exec", "false {host}"])
    assert status == 4 and "VNCTL_EXEC" in capsys.readouterr().err


def test_of_both_ways_the_one_of_a_packet_that_fits_is_shown(bed: Bed):
    """The switch traces what it would do with a larger one, too."""
    for to in ("web2", "db2"):
        hop = bed.data("web1", bed._address(to))["hops"][0]
        names = [step["table_name"] for step in hop["steps"]]
        assert names[-2:] == ["encap", "send"] and "punt" not in names
        assert "check_pkt_len" not in hop["datapath_actions"]
        assert [one for one in hop["steps"][-1]["actions"] if one.startswith("output:")]
    # And that it cannot leave is no reason to say that the node decides.
    bed.switches[0].appctl("tnl/neigh/flush")
    try:
        data = bed.data("web1", bed._address("web2"))
    finally:
        bed.switches[0].appctl("tnl/neigh/set", "br-phy", VTEPS[1], "aa:55:aa:55:01:64")
    assert data["verdict"] == "dropped", data


def test_what_the_gateway_answers_with_an_error(bed: Bed):
    bed.clients[0].install([Punt(bed.ports["web1"]["id"], 11)])
    status, shown = bed.trace("web1", "203.0.113.9")
    assert status == 1 and "SENT TO THE CONTROLLER by hv1: the VRF has no route" in shown, shown
    data = bed.data("web1", "10.2.0.1", "--udp", "33434")
    assert data["verdict"] == "to the controller" and "gateway itself" in data["reason"]
    assert bed.data("web1", "10.2.0.1")["verdict"] == "answered"


def test_the_resolver_answers(bed: Bed):
    evi = bed.web["provider:segmentation_id"]
    bed.clients[0].install([Punt(bed.ports["web1"]["id"], 11), DnsServer(evi, "10.1.0.1")])
    for protocol in ("--udp", "--tcp"):
        status, shown = bed.trace("web1", "10.1.0.1", protocol, "53")
        assert status == 0 and "ANSWERED by hv1: by the node, which is the n" in shown, shown
    assert bed.data("web1", "10.1.0.1", "--udp", "54")["verdict"] == "to the controller"


def test_policies_on_the_way(bed: Bed):
    """Tracked on both sides: what the receiver's rules allow is delivered, and nothing else."""
    sets = ((Policy(7), Rule(7, EGRESS, 4)), (Policy(8), Rule(8, INGRESS, 4, 6, 443, 443)))
    for client, objects, policies in zip(bed.clients, bed.objects.values(), sets, strict=True):
        (port,) = [one for one in objects if isinstance(one, LocalPort)
                   and one.port_id in (bed.ports["web1"]["id"], bed.ports["web2"]["id"])]
        client.install([*policies, replace(port, policy=policies[0].policy)])
    address = bed._address("web2")
    data = bed.data("web1", address, "--tcp", "443")
    assert data["verdict"] == "delivered", json.dumps(data["hops"], indent=1)
    status, shown = bed.trace("web1", address, "--tcp", "22")
    assert status == 1 and "DROPPED on hv2" in shown and "vnctl explain" in shown, shown


def test_a_refused_copy_of_a_hypervisor_does_not_stand_for_it():
    class System:
        def system(self, path: str, name: str) -> list[dict]:
            own = {"id": "hv1", "element": "hv1", "vtep": "192.0.2.11", "owner": "n1"}
            return [own, {**own, "id": "hv1@198.51.100.9", "owner": "n2", "refused": "a copy"}]

    topology = Topology(System())
    assert topology.element("hv1")["owner"] == "n1"
    assert topology.by_vtep("192.0.2.11")["owner"] == "n1"
