"""Objects of two tenants with the same addresses, and packets of their ports and tunnels."""

from __future__ import annotations

from lab.beds.sandbox import Sandbox
from tests.hops import bridged, routed
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.state import (
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalHop,
    LocalPort,
    Neighbor,
    RemoteMac,
    Route,
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)

VTEP2, VTEP3 = "192.0.2.2", "192.0.2.3"
OWN, RMAC2, RMAC3 = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
GW1, GW2 = "02:aa:00:00:00:01", "02:aa:00:00:00:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def port(number: int, evi: int, address: str, mac_of: int = 0, **more: object) -> LocalPort:
    own = mac(mac_of or number)
    return LocalPort(f"port-{number}", number, evi, own, ((own, address),), **more)


# Tenant A: networks 100 (10.1.0.0/24) and 101 (10.2.0.0/24), VRF 900.  Tenant B: network 200 with
# the addresses, and for p5 also the MAC, of tenant A; VRF 901.
OBJECTS: tuple[StateObject, ...] = (
    Vrouter(OWN),
    Tunnel(Endpoint(VTEP2), 22),
    Tunnel(Endpoint(VTEP3), 23),
    *(Evi(evi) for evi in (100, 101, 200)),
    Vrf(900, OWN),
    Vrf(901, OWN),
    Gateway(100, 900, GW1, ("10.1.0.1", "fd01::1")),
    Gateway(101, 900, GW2, ("10.2.0.1",)),
    Gateway(200, 901, GW1, ("10.1.0.1",)),
    port(1, 100, "10.1.0.5"),
    port(2, 100, "10.1.0.6"),
    port(3, 101, "10.2.0.5"),
    port(4, 100, "10.1.0.8", port_security=False),
    port(5, 200, "10.1.0.5", mac_of=1),
    port(6, 200, "10.1.0.6"),
    port(7, 100, "fd01::5"),
    LocalPort("port-8", 8, 100, mac(8), (
        (mac(8), "10.1.0.9"), (mac(8), "10.50.0.0/24"), (mac(0x88), "10.1.0.88"))),
    Neighbor(100, "10.1.0.6", mac(2), remote=False),
    Neighbor(100, "10.1.0.7", mac(7)),
    Neighbor(100, "fd01::7", mac(0x77)),
    Neighbor(100, "fd01::5", mac(7), remote=False),
    RemoteMac(100, mac(0x70), (bridged(VTEP2, 100),)),
    RemoteMac(200, mac(0x70), (bridged(VTEP3, 200),)),
    *(
        Route(900, f"{address}/32", (LocalHop(number, evi, mac(number), gateway),))
        for number, evi, address, gateway in (
            (1, 100, "10.1.0.5", GW1),
            (2, 100, "10.1.0.6", GW1),
            (3, 101, "10.2.0.5", GW2),
        )
    ),
    Route(900, "fd01::5/128", (LocalHop(7, 100, mac(7), GW1),)),
    Route(900, "10.1.0.7/32", (routed(VTEP2, 900, RMAC2),)),
    Route(900, "10.1.0.0/24", ()),
    Route(900, "10.9.0.0/16", (routed(VTEP2, 900, RMAC2),)),
    Route(900, "10.9.1.0/24", (routed(VTEP3, 777, RMAC3),)),
    Route(900, "10.8.0.0/16", (routed(VTEP2, 900, RMAC2), routed(VTEP3, 777, RMAC3))),
    Route(900, "10.7.0.0/16", (LocalHop(3, 101, mac(3), GW2), routed(VTEP2, 900, RMAC2))),
    Route(900, "0.0.0.0/0", (routed(VTEP3, 777, RMAC3),)),
    Route(901, "10.1.0.6/32", (LocalHop(6, 200, mac(6), GW1),)),
    Flood(100, (1, 2, 4, 7, 8)), FloodRemotes(100, (bridged(VTEP2, 100), bridged(VTEP3, 555))),
    Flood(101, (3,)),
    Flood(200, (5, 6)), FloodRemotes(200, (bridged(VTEP3, 200),)),
)


def ip(
    source: str, target: str, src: str, dst: str, ttl: int = 64, kind: str = "tcp", more: str = ""
) -> str:
    return f"{kind},dl_src={source},dl_dst={target},nw_src={src},nw_dst={dst},nw_ttl={ttl}" + (
        f",{more}" if more else ""
    )


def arp(source: str, target: str, spa: str, tpa: str, op: int = 1, sha: str = "") -> str:
    return (
        f"arp,dl_src={source},dl_dst={target},arp_op={op},arp_sha={sha or source},"
        f"arp_spa={spa},arp_tpa={tpa}"
    )


def from_tunnel(vtep: str, vni: int, packet: str) -> str:
    number = {VTEP2: 22, VTEP3: 23}[vtep]
    return f"in_port=t{number},tun_id={vni},tun_src={vtep},tun_dst=192.0.2.1,{packet}"


def send(vrouter: Sandbox, number: int, packet: str) -> Outcome:
    return trace(vrouter, f"in_port=p{number},{packet}")
