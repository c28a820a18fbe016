"""Files of TLS are taken up when they change, and never half."""

from __future__ import annotations

import datetime
import os
import shutil
import ssl

import pytest

from ryu_apps.connections.tls_files import PASSING, PROCESS, TlsFiles
from ryu_apps.pki.site import Site
from ryu_apps.views.checks import tls
from tests.unit.pki.handshakes import context, end_of, handshake


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "pki")
    site.init("test", 3650)
    site.issue("node", "n1", (), (), 30)
    site.issue("hypervisor", "hv1", (), (), 30)
    return site


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def end(site, clock):
    mine = site.files("node", "n1")
    return TlsFiles("test", lambda: context(end_of(site, "node", "n1"), ssl.PROTOCOL_TLS_SERVER),
                    str(mine.certificate), [str(mine.key), str(site.directory / "hypervisors.pem")],
                    clock)


def client(site):
    return context(end_of(site, "hypervisor", "hv1"), ssl.PROTOCOL_TLS_CLIENT)


def serial(site, end) -> str:
    """Of the certificate that a client is shown."""
    hypervisor = client(site)
    seen = []
    hypervisor.sslobject_class = type("Seen", (ssl.SSLObject,), {
        "do_handshake": lambda self: (ssl.SSLObject.do_handshake(self), seen.append(self))})
    handshake(end.context(), hypervisor)
    return seen[-1].getpeercert()["serialNumber"].lower().lstrip("0")


def test_changed_files_are_taken_up(site, end, clock):
    before = end.context()
    assert end.context() is before
    made = site.rotate(lambda one: one.role == "node")[0]
    clock.after(2)
    assert serial(site, end) == made.serial.lstrip("0")
    assert end.problem == ""
    assert end.context() is not before


def test_who_is_trusted_no_longer_is_refused(site, end, clock):
    """A context that lives would go on trusting it."""
    site.begin()
    former = client(site)
    handshake(end.context(), former)
    site.reissue()
    clock.after(2)
    handshake(end.context(), former)
    site.finish()
    clock.after(2)
    with pytest.raises(ssl.SSLError):
        handshake(end.context(), former)
    handshake(end.context(), client(site))


def test_a_certificate_without_its_key_changes_nothing(site, end, clock, caplog):
    """For a moment that is how every pair is replaced; then it is a problem, until it is mended."""
    before = end.context()
    mine = site.files("node", "n1")
    key = mine.key.read_bytes()
    site.rotate(lambda one: one.role == "node")
    new = mine.key.read_bytes()
    mine.key.write_bytes(key)
    clock.after(1.5)
    assert end.context() is before
    assert (end.problem, caplog.text) == ("", "")
    mine.key.write_bytes(new)
    clock.after(PASSING)
    assert end.context() is not before
    assert "ERROR" not in caplog.text, "it has passed"
    before = end.context()
    mine.key.write_bytes(key)
    for _ in range(5):
        clock.after(1.5)
        assert end.context() is before
    assert "KEY_VALUES_MISMATCH" in end.problem
    assert caplog.text.count("ERROR") == 1, "told once"
    check, = tls.of([end.standing()], datetime.datetime.now(datetime.UTC))
    assert not check.ok
    assert "KEY_VALUES_MISMATCH" in check.detail
    mine.key.write_bytes(new)
    clock.after(2)
    end.context()
    check, = tls.of([end.standing()], datetime.datetime.now(datetime.UTC))
    assert check.ok


@pytest.mark.parametrize("damage", [
    lambda path: path.unlink(), lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:200]),
    lambda path: (path.unlink(), path.mkdir()),
])
@pytest.mark.parametrize("which", ["node-n1.pem", "node-n1.key", "hypervisors.pem"])
def test_what_cannot_be_read_changes_nothing(site, end, clock, which, damage):
    before = end.context()
    damage(next(site.directory.rglob(which)))
    for _ in range(5):
        clock.after(1.5)
        assert end.context() is before
    assert end.problem
    handshake(before, context(end_of(site, "hypervisor", "hv1"), ssl.PROTOCOL_TLS_CLIENT))


def test_rights_that_were_missing_are_noticed(site, end, clock):
    """chmod changes no time of modification."""
    path = site.files("node", "n1").key
    backup = path.with_suffix(".backup")
    shutil.move(path, backup)
    clock.after(2)
    end.look()
    shutil.move(backup, path)
    os.utime(path, ns=(1, 1))
    clock.after(2)
    end.look()
    clock.after(PASSING)
    assert end.problem == ""


def test_the_files_are_not_looked_at_for_each_connection(site, end, clock):
    before = end.context()
    site.rotate(lambda one: one.role == "node")
    assert end.context() is before
    PROCESS.look(force=True)
    assert end.context() is not before, "SIGHUP does not wait"


def test_health_tells_of_the_end(site, end):
    now = datetime.datetime.now(datetime.UTC)
    standing = end.standing()
    assert end in PROCESS.ends()
    check, = tls.of([standing], now)
    assert (check.ok, check.warning) == (True, False)
    check, = tls.of([standing], now + datetime.timedelta(days=20))
    assert (check.ok, check.warning) == (True, True)
    check, = tls.of([standing], now + datetime.timedelta(days=40))
    assert not check.ok
    assert "has ended" in check.detail
    check, = tls.of([], now)
    assert check.detail == "not used"


def test_an_end_that_is_gone_is_not_looked_at(site):
    mine = site.files("node", "n1")
    other = TlsFiles("gone", ssl.create_default_context, str(mine.certificate), [])
    assert other in PROCESS.ends()
    del other
    assert "gone" not in [one.name for one in PROCESS.ends()]
