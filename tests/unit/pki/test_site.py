"""A site's authorities and certificates: who trusts whom, and what a crash leaves."""

from __future__ import annotations

import datetime
import os
import ssl
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.pki import files
from ryu_apps.pki.certificates import CertificateError, belong_together
from ryu_apps.pki.inventory import InventoryError, dump, load
from ryu_apps.pki.names import addresses, holder, hypervisor_names, urn
from ryu_apps.pki.site import Site, days_left, utc_now
from tests.unit.pki.handshakes import End, accepted, context, end_of, handshake

NODE, HYPERVISOR, CLIENT = ("node", "n1"), ("hypervisor", "hv1"), ("client", "alice")


def make(directory: Path, clock=utc_now) -> Site:
    site = Site(directory, clock)
    site.init("test", 3650)
    for role, name in (NODE, HYPERVISOR, CLIENT):
        site.issue(role, name, ("192.0.2.1",), ("host.example",), 30)
    return site


@pytest.fixture
def site(tmp_path):
    return make(tmp_path / "pki")


def everything(site: Site) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in site.directory.rglob("*") if path.is_file()}


def test_who_is_trusted_by_whom(site):
    node, hypervisor, client = (end_of(site, *one) for one in (NODE, HYPERVISOR, CLIENT))
    assert accepted(node, hypervisor)
    assert not accepted(node, client), "an operator is no hypervisor"
    api = end_of(site, *NODE, trusted="ca.pem")
    assert accepted(api, client)
    assert accepted(api, api), "nodes among themselves"
    assert not accepted(api, hypervisor), "a hypervisor is no operator"
    assert not accepted(hypervisor._replace(trusted=client.trusted), client), "nor a server"


def test_who_a_certificate_says_it_is(site):
    server = context(end_of(site, *NODE), ssl.PROTOCOL_TLS_SERVER)
    end = handshake(server, context(end_of(site, *HYPERVISOR), ssl.PROTOCOL_TLS_CLIENT))
    assert hypervisor_names(end.getpeercert()) == {"hv1", "host.example"}
    server = context(end_of(site, *NODE, trusted="ca.pem"), ssl.PROTOCOL_TLS_SERVER)
    end = handshake(server, context(end_of(site, *CLIENT), ssl.PROTOCOL_TLS_CLIENT))
    assert hypervisor_names(end.getpeercert()) == set()


def test_which_addresses_a_certificate_has(site):
    """Of both families, as a peer's certificate gives them, in the form that they are compared
    in."""
    site.issue("hypervisor", "hv9", ("192.0.2.9", "FD00:0::9"), (), 30)
    server = context(end_of(site, *NODE), ssl.PROTOCOL_TLS_SERVER)
    end = handshake(server, context(end_of(site, "hypervisor", "hv9"), ssl.PROTOCOL_TLS_CLIENT))
    assert addresses(end.getpeercert()) == {"192.0.2.9", "fd00::9"}
    assert addresses({}) == addresses({"subjectAltName": (("DNS", "192.0.2.9"),)}) == set()
    assert addresses({"subjectAltName": (("IP Address", "<invalid>"),)}) == set()


@given(st.text(min_size=1))
def test_a_name_survives_its_uri(name):
    assert holder(urn("hypervisor", name)) == ("hypervisor", name)
    assert urn("hypervisor", name).isascii()


def test_other_authorities_name_hypervisors_as_they_like():
    assert hypervisor_names({"subject": ((("commonName", "hv1"),),)}) == {"hv1"}
    assert hypervisor_names({"subjectAltName": (
        ("DNS", "hv2"), ("IP Address", "192.0.2.1"), ("URI", "urn:vnc:hypervisor:a%2Fb"),
        ("URI", "https://hv3"), ("URI", "urn:vnc:hypervisor:"))}) == {"hv2", "a/b"}
    assert hypervisor_names({}) == set()


def test_a_second_init_changes_nothing(site):
    before = everything(site)
    assert not site.init("test", 10)
    assert everything(site) == before
    with pytest.raises(InventoryError, match="the site test already"):
        site.init("other", 10)


def test_secrets_are_their_owners(site):
    old = os.umask(0)
    try:
        site.issue("etcd", "e1", (), (), 5)
        site.export("node", "n1", site.directory.parent / "copy")
    finally:
        os.umask(old)
    keys = [path for path in site.directory.parent.rglob("*") if path.suffix == ".key"]
    assert len(keys) == 7
    for path in [*keys, site.directory / "site.json"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for path in (site.directory, site.directory / "ca", site.directory.parent / "copy"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


@pytest.mark.parametrize("name,addresses,dns", [
    ("", (), ()), ("x" * 65, (), ()), ("a\nb", (), ()), ("n2", ("192.0.2.300",), ()),
    ("n2", (), ("ä.example",)), ("n2", (), ("x" * 300,)),
])
def test_what_cannot_be_certified_leaves_no_trace(site, name, addresses, dns):
    before = everything(site)
    with pytest.raises(CertificateError):
        site.issue("node", name, addresses, dns, 5)
    assert everything(site) == before


def test_a_name_is_no_path(site):
    made = site.issue("client", "../../x", (), (), 5)
    assert site.files("client", "../../x").certificate.parent == site.directory / "issued"
    with pytest.raises(InventoryError, match="rotate leaf client"):
        site.issue("client", "../../x", (), (), 5)
    assert site.inventory().current()["client", "../../x"] == made


def test_no_certificate_outlives_its_authority(tmp_path):
    now = [utc_now()]
    site = Site(tmp_path / "pki", lambda: now[0])
    site.init("test", 10)
    issued = site.issue("client", "a", (), (), 300)
    assert days_left(issued.expires, now[0]) in (9, 10)
    now[0] += datetime.timedelta(days=11)
    with pytest.raises(CertificateError, match="has expired"):
        site.issue("client", "b", (), (), 300)


def test_rotation_of_certificates(site):
    old = end_of(site, *HYPERVISOR)
    key = old.key.read_bytes()
    assert [one.name for one in site.rotate(lambda one: one.name == "hv1")] == ["hv1"]
    assert end_of(site, *HYPERVISOR).key.read_bytes() != key
    assert accepted(end_of(site, *NODE), end_of(site, *HYPERVISOR))
    issued = site.inventory().issued
    assert len([one for one in issued if one.name == "hv1"]) == 2, "the former is valid still"
    assert len({one.serial for one in issued}) == len(issued)
    assert load(dump(site.inventory())) == site.inventory()


def test_steps_out_of_order_are_refused(site):
    with pytest.raises(InventoryError, match="--begin comes first"):
        site.reissue()
    assert not site.finish()
    assert site.begin()
    assert not site.begin(), "twice is once"
    with pytest.raises(InventoryError, match="--reissue comes first"):
        site.finish()
    assert len(site.reissue()) == 3
    assert site.reissue() == []
    with pytest.raises(InventoryError, match="--finish first"):
        site.begin()
    assert site.finish()
    assert not site.finish()
    assert not (site.directory / "ca" / "1-site.key").exists()
    assert site.begin(), "and once more"


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_authorities_are_replaced_without_loss(data):
    """Files are handed out in any order, and at any time everybody can connect."""
    with tempfile.TemporaryDirectory() as directory:
        site = make(Path(directory) / "pki")
        hosts = {one: copy_of(site, one) for one in (NODE, HYPERVISOR)}
        leaked = hosts[HYPERVISOR]
        for step in (site.begin, site.reissue, site.finish):
            step()
            for one in data.draw(st.permutations(list(hosts))):
                hosts[one] = copy_of(site, one)
                assert reach(hosts[NODE], hosts[HYPERVISOR])
        assert not reach(hosts[NODE], leaked), "the old authority is trusted no more"


def copy_of(site: Site, one: tuple[str, str]) -> tuple[End, bytes, bytes]:
    end = end_of(site, *one)
    return end, end.certificate.read_bytes(), end.key.read_bytes()


def reach(node, hypervisor) -> bool:
    with tempfile.TemporaryDirectory() as directory:
        ends = []
        for number, (end, certificate, key) in enumerate((node, hypervisor)):
            paths = [Path(directory) / f"{number}.pem", Path(directory) / f"{number}.key"]
            paths[0].write_bytes(certificate)
            paths[1].write_bytes(key)
            ends.append(End(*paths, end.trusted))
        return accepted(*ends)


@pytest.mark.parametrize("stop_at", range(8))
def test_a_crash_at_any_file_is_mended_by_the_next_call(tmp_path, monkeypatch, stop_at):
    """Each step is cut short at its n-th file; the same step then does what was left."""
    site = make(tmp_path / "pki")
    write, count = files.write, 0

    def failing(path, data, mode):
        nonlocal count
        count += 1
        if count > stop_at:
            raise OSError(28, "No space left on device", str(path))
        write(path, data, mode)

    for step in (site.begin, site.reissue, site.finish, lambda: site.rotate(lambda one: True)):
        count = 0
        with monkeypatch.context() as patch:
            patch.setattr(files, "write", failing)
            try:
                step()
            except OSError as error:
                assert error.errno == 28
        step()
        for role, name in (NODE, HYPERVISOR, CLIENT):
            mine = site.files(role, name)
            assert belong_together(mine.certificate.read_bytes(), mine.key.read_bytes())
        assert accepted(end_of(site, *NODE), end_of(site, *HYPERVISOR))
    assert site.inventory().trusted == (2,)
    assert site.inventory().outdated() == []


def test_a_file_is_whole_or_old(tmp_path):
    path = tmp_path / "file"
    files.write(path, b"old", 0o600)
    with pytest.raises(TypeError):
        files.write(path, "no bytes", 0o600)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("text", [
    b"", b"[]", b"{}", b'{"format": 2, "issued": []}', b'{"format": 1, "issued": [], "site": "x"}',
    b'{"format": 1, "issued": [], "site": "x", "trusted": [2], "signing": 1}',
    b'{"format": 1, "issued": [{}], "site": "x", "trusted": [1], "signing": 1}',
])
def test_a_damaged_record_is_refused(site, text):
    (site.directory / "site.json").write_bytes(text)
    with pytest.raises(InventoryError):
        site.inventory()
    with pytest.raises(InventoryError):
        site.rotate(lambda one: True)
