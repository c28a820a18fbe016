"""The templates of policy sets: see :mod:`vrouter_ovs.wire.templates.objects`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from vrouter_ovs.addresses import ip_network, ipv4_bytes, ipv6_bytes
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline.security.policy import PORT_FIELDS
from vrouter_ovs.pipeline.security.port_blocks import blocks
from vrouter_ovs.pipeline.terms import bit_mask, page_value
from vrouter_ovs.schema.registers import INBOUND
from vrouter_ovs.state import BITS, EGRESS, INGRESS, MAX_PAGE, PeerAddress, Rule
from vrouter_ovs.wire.flows import Encoded
from vrouter_ovs.wire.templates.cut import encode_rendered, holes, pattern, sample

_POLICY, _PAGE = 0x51A2B3C4, 0x18B7E4D5
_SOME_BITS, _A_BIT = (1, 37, 38, 81, 100, 119), 21
_IP4, _IP6 = "203.119.87.41", "f1d2:c3b4:a596:8778:695a:4b3c:2d1e:9f8e"
# A whole block of ports, and one port.
_BLOCK, _ONE_PORT = (0xA5C0, 0xA5FF), (0xA5C3, 0xA5C3)
_BITS = {EGRESS: 0, INGRESS: INBOUND}


@lru_cache(maxsize=4096)
def _bits(bits: tuple[int, ...]) -> bytes:
    """The value and the mask with which these bits are set."""
    return bit_mask(bits).to_bytes(16, "big") * 2


def peer_address() -> Callable[[PeerAddress], tuple[Encoded, ...]]:
    """For whole addresses."""
    templates = {}
    for direction in _BITS:
        for stateful in (True, False):
            for address, packed in ((_IP4, ipv4_bytes(_IP4)), (_IP6, ipv6_bytes(_IP6))):
                found = sample(PeerAddress(_PAGE, direction, address, _SOME_BITS, stateful))
                value = page_value(_PAGE, direction, stateful)
                markers = {value.to_bytes(4, "big"): 0, packed: 1}
                templates[direction, stateful, ":" in address] = (
                    *holes(found.key, markers),
                    pattern(found.body, _bits(_SOME_BITS)),
                    value & 3,
                )

    def fill(obj: PeerAddress) -> tuple[Encoded, ...]:
        page, direction, address, bits = obj.page, obj.direction, obj.address, obj.bits
        six = ":" in address
        template = templates.get((direction, obj.stateful, six))
        # All bits at once are set without a mask.
        if (
            template is None or obj.mac or "/" in address or not 0 < page <= MAX_PAGE
            or not 0 < len(bits) < BITS
        ):  # fmt: skip
            return encode_rendered(obj)
        key, pick, body, low = template
        packed = ipv6_bytes(address) if six else ipv4_bytes(address)
        return (
            Encoded(
                key % pick(((page << 2 | low).to_bytes(4, "big"), packed)),
                cookie(("peer", page, direction, int(obj.stateful), address)),
                body % _bits(bits),
            ),
        )

    return fill


@lru_cache(maxsize=4096)
def _rule(
    direction: str, version: int, protocol: int, ports: tuple, prefix: int, part: int,
    stateful: bool,
) -> tuple[bytes, Callable, bytes] | None:  # fmt: skip
    """(the key's pattern, what picks its values, the body) for all rules of one shape.

    ``ports``: () or a sample of them; ``prefix``: the length of the other side's, -1 for any.
    ``part``: of the register member_of the one with the bit of a group, -1 for no group.  None
    where the sample is ambiguous.
    """
    remote = str(ip_network(f"{_IP4 if version == 4 else _IP6}/{prefix}")) if prefix >= 0 else ""
    first, last = ports or (-1, -1)
    found = sample(
        Rule(
            _POLICY, direction, version, protocol, first, last, remote, "a" if part >= 0 else "",
            (), stateful, "", _PAGE if part >= 0 else 0, max(part, 0) * 32 + _A_BIT,
        )
    )  # fmt: skip
    markers = {(_POLICY | _BITS[direction]).to_bytes(4, "big"): 0}
    if part >= 0:
        markers[page_value(_PAGE, direction, stateful).to_bytes(4, "big")] = 1
        markers[_bit(_A_BIT)] = 4
    if remote:
        markers[_prefix(remote)] = 2
    if ports:
        ((value, mask),) = blocks(first, last)
        markers[_ports(value, mask)] = 3
    try:
        key, pick = holes(found.key, markers)
    except PipelineError:
        return None
    return key, pick, found.body


def _bit(bit: int) -> bytes:
    """One bit of a register as it stands in a match."""
    return (1 << bit % 32).to_bytes(4, "big") * 2


def _ports(value: int, mask: int) -> bytes:
    """A block of ports as it stands in a match."""
    return value.to_bytes(2, "big") if mask == 0xFFFF else (value << 16 | mask).to_bytes(4, "big")


@lru_cache(maxsize=4096)
def _prefix(prefix: str) -> bytes:
    """The address, and the mask where it is a shorter one, as they stand in a match."""
    net = ip_network(prefix)
    address = net.network_address.packed
    return address if net.prefixlen == net.max_prefixlen else address + net.netmask.packed


def rule() -> Callable[[Rule], tuple[Encoded, ...]]:
    """For rules of any protocol with ports, or without; not for ICMP types, nor all ports."""

    def fill(obj: Rule) -> tuple[Encoded, ...]:
        policy, direction, version, protocol = obj.policy, obj.direction, obj.version, obj.protocol
        first, last, remote, page = obj.first, obj.last, obj.remote, obj.page
        inbound = _BITS.get(direction)
        if inbound is None or not protocol or not 0 < policy < INBOUND:
            return encode_rendered(obj)
        part, its_page, its_bit = -1, b"", b""
        if page:
            part = obj.bit // 32
            if not 0 <= part < BITS // 32:
                return encode_rendered(obj)
            its_page = page_value(page, direction, obj.stateful).to_bytes(4, "big")
            its_bit = _bit(obj.bit)
        elif obj.group or obj.address_group:
            return encode_rendered(obj)
        prefix, other = -1, b""
        if remote:
            net = ip_network(remote)
            prefix, other = net.prefixlen, _prefix(remote)
            if net.version != version or not prefix:
                return encode_rendered(obj)
        if first == last == -1:
            parts: tuple = ((0, 0),)
        elif protocol in PORT_FIELDS and 0 <= first <= last < 0xFFFF:
            parts = blocks(first, last)
        else:
            return encode_rendered(obj)
        tag = cookie(obj.key)
        number = (policy | inbound).to_bytes(4, "big")
        flows = []
        for value, mask in parts:
            sampled = _ONE_PORT if mask == 0xFFFF else _BLOCK if mask else ()
            template = _rule(
                direction, version, protocol, sampled, prefix, part, obj.stateful
            )
            if template is None:
                return encode_rendered(obj)
            key, pick, body = template
            flow_key = key % pick((number, its_page, other, _ports(value, mask), its_bit))
            flows.append(Encoded(flow_key, tag, body))
        return tuple(flows)

    return fill
