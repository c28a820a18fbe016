"""The routes that a DHCPv4 client is told of: options 3, 121 and 249."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vrouter.proxy_support import PORT, opt4, read4, with_options
from tests.unit.vrouter.proxy_support import dhcp4 as frame
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.edge import EdgePort, Lease4
from vrouter_ovs.proxies.dhcp import dhcp4
from vrouter_ovs.proxies.dhcp.dhcp4_routes import classless, default_gateway

ALL = bytes((1, 3, 121, 249))


def port(*routes: tuple[str, str], gateway: str = "10.0.0.1", length: int = 24,
         server: str = "10.0.0.1", **extra) -> EdgePort:  # fmt: skip
    lease = Lease4("10.0.0.5", length, gateway, server, (), routes)
    return replace(PORT, v4=(lease,), **extra)


def told(found: EdgePort, asks: bytes = ALL) -> tuple[str, list[tuple[str, str]]]:
    """(option 3, option 121)."""
    _, options, _ = read4(dhcp4.answer(frame(1, asks=asks), found).frames[0])
    routers = options.get(3, b"")
    raw, routes = options.get(121, options.get(249, b"")), []
    while raw:
        size = (raw[0] + 7) // 8
        network = ipaddress.ip_network((raw[1 : 1 + size].ljust(4, b"\0"), raw[0]))
        hop = ipaddress.ip_address(raw[1 + size : 5 + size])
        routes.append((str(network), str(hop)))
        raw = raw[5 + size :]
    return str(ipaddress.ip_address(routers)) if routers else "", routes


def test_the_gateway_is_the_one_default() -> None:
    """As Neutron has it: a host route to 0.0.0.0/0 counts where there is no gateway."""
    found = port(("0.0.0.0/0", "10.0.0.254"), ("10.9.0.0/16", "10.0.0.7"))
    wanted = [("10.9.0.0/16", "10.0.0.7"), ("0.0.0.0/0", "10.0.0.1")]
    assert told(found) == ("10.0.0.1", wanted)
    assert told(found, bytes((1, 3, 249))) == ("10.0.0.1", wanted)
    assert told(port(("0.0.0.0/0", "10.0.0.254"))) == ("10.0.0.1", [])
    assert told(port(("0.0.0.0/0", "10.0.0.254"), gateway="")) == ("10.0.0.254", [])
    assert told(port(("0.0.0.0/0", "10.0.0.254"), ("0.0.0.0/0", "10.0.0.253"),
                     ("10.9.0.0/16", "10.0.0.7"), gateway="")) == (
        "10.0.0.254", [("10.9.0.0/16", "10.0.0.7"), ("0.0.0.0/0", "10.0.0.254")])  # fmt: skip


def test_everything_may_be_on_the_link() -> None:
    assert told(port(("0.0.0.0/0", "0.0.0.0"), gateway="")) == ("", [("0.0.0.0/0", "0.0.0.0")])


def test_a_port_is_no_next_hop_to_itself() -> None:
    assert told(port(("10.9.0.0/16", "10.0.0.5"))) == ("10.0.0.1", [])
    assert told(port(("10.9.0.0/16", "10.0.0.5"), ("10.8.0.0/16", "10.0.0.6"),
                     gateway="10.0.0.5")) == ("", [("10.8.0.0/16", "10.0.0.6")])  # fmt: skip


def test_one_route_to_a_destination() -> None:
    found = port(("10.9.0.0/16", "10.0.0.7"), ("10.9.0.0/16", "10.0.0.8"))
    assert told(found)[1] == [("10.9.0.0/16", "10.0.0.7"), ("0.0.0.0/0", "10.0.0.1")]


@pytest.mark.parametrize(("length", "gateway"), [(32, "192.0.2.1"), (29, "10.0.1.1")])
def test_a_gateway_outside_of_the_subnet_is_on_the_link(length: int, gateway: str) -> None:
    found = port(gateway=gateway, length=length, server=gateway)
    wanted = [(f"{gateway}/32", "0.0.0.0"), ("0.0.0.0/0", gateway)]
    assert told(found) == (gateway, wanted)
    assert told(found, bytes((1, 3, 249))) == (gateway, wanted)
    assert told(found, bytes((1, 3))) == (gateway, wanted), "clients may ask for too little"


def test_a_server_outside_of_the_subnet_is_on_the_link() -> None:
    found = port(gateway="10.0.0.6", length=30, server="169.254.255.254")
    assert told(found)[1] == [("169.254.255.254/32", "0.0.0.0"), ("0.0.0.0/0", "10.0.0.6")]


def test_what_a_route_on_the_link_reaches() -> None:
    found = port(
        ("10.1.0.0/24", "0.0.0.0"), ("10.9.0.0/16", "10.1.0.7"), ("10.8.0.0/16", "10.2.0.7")
    )  # fmt: skip
    assert told(found)[1] == [
        ("10.1.0.0/24", "0.0.0.0"), ("10.2.0.7/32", "0.0.0.0"), ("10.9.0.0/16", "10.1.0.7"),
        ("10.8.0.0/16", "10.2.0.7"), ("0.0.0.0/0", "10.0.0.1"),
    ]  # fmt: skip


def test_a_ports_own_router_counts_in_all_options() -> None:
    lease = port(("10.9.0.0/16", "10.0.0.7")).v4
    own = with_options((4, "router", "10.0.0.9"), v4=lease)
    assert told(own) == (
        "10.0.0.9", [("10.9.0.0/16", "10.0.0.7"), ("0.0.0.0/0", "10.0.0.9")]
    )  # fmt: skip
    assert told(with_options((4, "router", ""), v4=lease)) == ("", [("10.9.0.0/16", "10.0.0.7")])


addresses = st.integers(1, 30).map(lambda n: f"10.0.{n // 8}.{n}")
prefixes = st.sampled_from(["0.0.0.0/0", "10.9.0.0/16", "10.9.1.0/24", "10.0.3.0/24", "1.2.3.4/32"])


@given(st.lists(st.tuples(prefixes, st.one_of(st.just("0.0.0.0"), addresses))),
       st.one_of(st.just(""), addresses), st.integers(24, 32), addresses)
def test_a_client_can_install_all_in_order(routes, gateway, length, server) -> None:
    lease = Lease4("10.0.0.5", length, gateway, server, (), tuple(routes))
    default = default_gateway(lease, ["10.0.0.5"])
    found = classless(lease, default, ["10.0.0.5"])
    reached = [ipaddress.ip_network(f"10.0.0.5/{length}", strict=False)]
    for prefix, hop in found:
        if hop == "0.0.0.0":
            reached.append(ipaddress.ip_network(prefix))
        else:
            assert any(ipaddress.ip_address(hop) in network for network in reached)
        assert hop != "10.0.0.5"
    assert len({prefix for prefix, _ in found}) == len(found)
    assert [hop for prefix, hop in found if prefix == "0.0.0.0/0"] == (
        [default] if default and found else []
    )


def test_a_renewal_at_a_former_server_is_answered() -> None:
    """The address that a client was told of as server may have passed to a port since."""
    own, former = address_bytes("10.0.0.5"), address_bytes("10.0.0.254")
    asked = frame(3, ciaddr=own, src=own, dst=former)
    answer = dhcp4.answer(asked, port(server="10.0.0.253"))
    assert (answer.kind, answer.reason) == ("ack", "renewing")
    _, options, _ = read4(answer.frames[0])
    assert options[54] == address_bytes("10.0.0.253")
    offered = frame(3, opt4(50, own), opt4(54, former), dst=former)
    assert dhcp4.answer(offered, port()).kind == "ignored"
