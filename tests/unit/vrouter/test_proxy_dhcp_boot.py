"""What boots over the network is told: options of the bare metal service, of both families."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control.config.model import DhcpOption
from ryu_apps.control.config.rules.draft import RuleError
from ryu_apps.control.config.rules.ports.dhcp_options import merged
from tests.unit.vrouter.proxy_support import PORT, ia_na, opt4, opt6, options6, read4, with_options
from tests.unit.vrouter.proxy_support import dhcp4 as frame
from tests.unit.vrouter.proxy_support import dhcp6 as frame6
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.dhcp import dhcp4, dhcp6
from vrouter_ovs.proxies.dhcp.dhcp4_options import DHCP4

IRONIC = (
    (4, "67", "undionly.kpxe"), (4, "66", "192.0.2.70"), (4, "150", "192.0.2.70"),
    (4, "255", "192.0.2.70"), (4, "tag:!ipxe,67", "undionly.kpxe"),
    (4, "tag:ipxe,67", "http://192.0.2.70/boot.ipxe"), (4, "210", "/tftpboot/"),
    (4, "61", "ff:00:00:01"),
)  # fmt: skip
ROM = opt4(60, b"PXEClient:Arch:00007:UNDI:003016")
BARE = bytes((1, 3, 6))


def told(*options: bytes, port=None, asks: bytes = BARE) -> tuple[dict[int, bytes], bytes]:
    answer = dhcp4.answer(frame(1, *options, asks=asks), port or with_options(*IRONIC))
    return read4(answer.frames[0])[1:]


def file_of(message: bytes) -> bytes:
    return message[108:236].rstrip(b"\0")


def test_the_bare_metal_services_options_are_taken() -> None:
    wanted = [{"ip_version": v, "opt_name": n, "opt_value": value} for v, n, value in IRONIC]
    assert {tuple(one) for one in merged((), wanted)} == set(IRONIC)
    assert DHCP4.problems(with_options(*IRONIC)) == ()


@pytest.mark.parametrize("name", ["tag:efi,67", "tag:,67", "tag:ipxe,tag:!ipxe,67", "tag:ipxe,999"])
def test_what_no_client_would_get_is_refused(name: str) -> None:
    with pytest.raises(RuleError):
        merged((), [{"opt_name": name, "opt_value": "x"}])


@pytest.mark.parametrize(
    ("name", "value"),
    [("server-ip-address", "2015::badd"), ("dns-server", "2001:db8::53"), ("255", "fd00::1")],
)
def test_addresses_of_the_other_family_are_kept_and_told_to_nobody(name: str, value: str) -> None:
    kept = merged((), [{"opt_name": name, "opt_value": value}])
    assert kept == (DhcpOption(4, name, value),)
    port = with_options(*kept)
    assert len(DHCP4.problems(port)) == 1
    _, message = told(port=port)
    assert message[20:24] == bytes(4)
    with pytest.raises(RuleError):
        merged((), [{"opt_name": name, "opt_value": value, "ip_version": 4}])


def test_next_server() -> None:
    options, message = told(ROM)
    assert message[20:24] == bytes((192, 0, 2, 70))
    assert options[66] == b"192.0.2.70" and options[150] == bytes((192, 0, 2, 70))
    assert 61 not in options, "the client's to say"


@pytest.mark.parametrize(
    ("sent", "boot_file"),
    [
        ((), b"undionly.kpxe"), ((ROM,), b"undionly.kpxe"),
        ((ROM, opt4(175, b"\x01\x01\x01")), b"http://192.0.2.70/boot.ipxe"),
        ((ROM, opt4(77, b"iPXE")), b"http://192.0.2.70/boot.ipxe"),
        ((ROM, opt4(77, b"\x04iPXE")), b"http://192.0.2.70/boot.ipxe"),
    ],
)  # fmt: skip
def test_ipxe_gets_its_own(sent: tuple[bytes, ...], boot_file: bytes) -> None:
    options, message = told(*sent)
    assert options[67] == file_of(message) == boot_file


def test_what_is_for_all_goes_to_those_that_no_tag_names() -> None:
    port = with_options((4, "67", "plain"), (4, "tag:ipxe,option:bootfile-name", "second"))
    assert told(port=port)[0][67] == b"plain"
    assert told(opt4(175, b""), port=port)[0][67] == b"second"
    older = with_options((4, "!175,67", "first"), (4, "67", "second"))
    assert told(port=older)[0][67] == b"first"
    assert told(opt4(175, b""), port=older)[0][67] == b"second"


def test_what_a_rom_does_not_ask_for() -> None:
    """RFC 5071 sections 4.5 and 5.5: PXELINUX comes after the ROM that asked."""
    port = with_options((4, "209", "menu.cfg"), (4, "path-prefix", "/tftpboot/"), (4, "211", "30"))
    options, _ = told(ROM, port=port)
    assert options[209] == b"menu.cfg" and options[210] == b"/tftpboot/"


def test_vendor_class() -> None:
    http = opt4(60, b"HTTPClient:Arch:00016:UNDI:003001")
    port = with_options((4, "60", "HTTPClient"), (4, "67", "http://192.0.2.70/grub.efi"))
    assert told(http, port=port)[0][60] == b"HTTPClient"
    assert 60 not in told(port=port)[0]
    # Firmware takes no offer without, so where to boot from by HTTP says it.
    url = with_options((4, "67", "http://192.0.2.70/grub.efi"))
    assert told(http, port=url)[0][60] == b"HTTPClient"
    assert 60 not in told(ROM, port=url)[0]
    assert 60 not in told(http, port=with_options((4, "67", "grub.efi")))[0]


@pytest.mark.parametrize(("size", "each"), [(40, 60), (100, 40)])
def test_the_boot_file_has_its_field_where_options_need_not(size: int, each: int) -> None:
    long = [(4, str(code), "x" * each) for code in range(224, 228)]
    port = with_options((4, "67", "b" * size), (4, "66", "192.0.2.70"), *long)
    asks = bytes((1, 3, 6, *range(224, 228)))
    options, message = told(opt4(57, (576).to_bytes(2, "big")), port=port, asks=asks)
    assert options[67] == b"b" * size and options[52] == b"\x02"
    assert file_of(message) == b"b" * size
    assert len(message) <= 548
    crowd = replace(port, extra_options=(*port.extra_options, (4, "228", "y" * 100)))
    options, message = told(port=crowd, asks=asks + bytes((228,)))
    assert options[52] == b"\x03" and options[67] == b"b" * size


# ---------------------------------------------------------------- DHCPv6


def told6(*options: bytes, port, asks: tuple[int, ...] = (23,)) -> dict[int, bytes]:
    answer = dhcp6.answer(frame6(1, ia_na(), *options, asks=asks), port)
    return dict(options6(packet.udp6(answer.frames[0]).payload[4:]))


def test_boot_url_of_ipv6() -> None:
    port = with_options((6, "tag:!ipxe6,59", "tftp://[fd00::70]/snponly.efi"),
                        (6, "tag:ipxe6,59", "http://[fd00::70]/boot.ipxe"))  # fmt: skip
    assert told6(port=port)[59] == b"tftp://[fd00::70]/snponly.efi"
    assert told6(opt6(15, b"\0\4iPXE"), port=port, asks=(23, 59))[59] == (
        b"http://[fd00::70]/boot.ipxe"
    )
    assert told6(port=with_options((6, "bootfile-url", "tftp://[fd00::1]/x")))[59]


def test_vendor_class_of_ipv6() -> None:
    url = with_options((6, "59", "http://[fd00::70]/grub.efi"))
    client = opt6(16, b"\0\0\1\x57\0\x21HTTPClient:Arch:00016:UNDI:003001")
    assert told6(client, port=url)[16] == b"\0\0\1\x57\0\x0aHTTPClient"
    assert 16 not in told6(port=url)
    own = with_options((6, "16", "0x00000157000a48545450436c69656e74"))
    assert told6(client, port=own)[16] == b"\0\0\1\x57\0\x0aHTTPClient"


def test_the_plain_port_has_no_boot_options() -> None:
    options, message = told(ROM, port=PORT)
    assert not {60, 66, 67, 150, 209, 210} & set(options) and file_of(message) == b""
