"""The metadata service as it is asked: over TLS, by several at once, and with files that change."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.beds.option_values import default_options
from lab.hosts import metadata as host
from ryu_apps.option_values import metadata_settings
from ryu_apps.settings import SettingsError
from ryu_apps.southbound.services.metadata.backend import QUEUE, Exchange, Pool
from ryu_apps.southbound.services.metadata.settings import MetadataSettings, Secret, Target
from ryu_apps.views.checks import metadata as check
from tests.unit.southbound.dns_support import eventually
from vrouter_ovs.proxies.metadata.instance import signature

SIGNED = [("X-Instance-ID", "i-1"), ("X-Tenant-ID", "red"), ("X-Forwarded-For", "10.0.0.5"),
          ("X-Instance-ID-Signature", signature(host.SECRET.encode(), "i-1"))]  # fmt: skip


class Asker:
    """A pool, and what became of the exchanges."""

    def __init__(self, settings: MetadataSettings) -> None:
        self.pool = Pool(Target(settings), settings.workers, settings.most)
        self.done: list[Exchange] = []
        self.pool.start()

    def ask(self, target: str, owner: str = "a", patience: float = 20.0) -> Exchange:
        made = Exchange(owner, "GET", target, SIGNED, b"", time.monotonic() + patience,
                        self.done.append)  # fmt: skip
        assert self.pool.submit(made)
        return made

    def answer(self, target: str) -> Exchange:
        made = self.ask(target)
        eventually(lambda: made in self.done)
        return made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Certificates of one authority for a server and a client, and a client's of nobody."""
    place = tmp_path_factory.mktemp("tls")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=place)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.pem", "-subj", f"/CN={name}", "-days", "2")  # fmt: skip
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.csr", "-subj", f"/CN={name}", "-addext",
                "subjectAltName=IP:127.0.0.1")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-copy_extensions",
                "copy")  # fmt: skip
    return {one.name: os.fspath(one) for one in place.iterdir()}


@pytest.fixture
def secure(files: dict[str, str]) -> Iterator[int]:
    """The port of a service that wants a certificate of its clients."""
    made = host.server("127.0.0.1", 0, host.SECRET)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["server.pem"], files["server.key"])
    context.load_verify_locations(files["ca.pem"])
    context.verify_mode = ssl.CERT_REQUIRED
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made.server_address[1]
    made.shutdown()
    made.server_close()
    thread.join(10)


@pytest.fixture
def plain() -> Iterator[str]:
    made = host.server("127.0.0.1", 0, host.SECRET)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()
    thread.join(10)


def test_over_tls(secure: int, files: dict[str, str]) -> None:
    url = f"https://127.0.0.1:{secure}"
    ours = {"certificate": files["client.pem"], "key": files["client.key"]}
    for more in ({"ca": files["ca.pem"]}, {"insecure": True}):
        asker = Asker(MetadataSettings(url, "", workers=2, **ours, **more))
        for _ in range(3):
            found = asker.answer("/latest/user-data")
            assert (found.status, found.answer) == (200, host.user_data("i-1"))
        asker.pool.stop()


@pytest.mark.parametrize("more", [{"ca": "other.pem"}, {}, {"ca": "ca.pem", "certificate": ""}])
def test_whom_it_does_not_trust(secure: int, files: dict[str, str], more: dict[str, str]) -> None:
    given = {"certificate": "client.pem", "key": "client.key", **more}
    if not given["certificate"]:
        del given["key"]
    asker = Asker(MetadataSettings(
        f"https://127.0.0.1:{secure}", "", workers=1,
        **{name: files.get(file) for name, file in given.items()},
    ))  # fmt: skip
    found = asker.answer("/latest/user-data")
    assert found.status == 502 and found.failure
    asker.pool.stop()


def test_a_path_before_all_others(plain: str) -> None:
    asker = Asker(MetadataSettings(f"{plain}/latest/", "", workers=1))
    assert asker.answer("/user-data").answer == host.user_data("i-1")
    asker.pool.stop()


def test_who_hangs_takes_a_quarter(plain: str) -> None:
    """Whatever one asks that hangs, another is answered; and what is given up frees its thread."""
    asker = Asker(MetadataSettings(plain, "", workers=4))
    hanging = [asker.ask("/hang", "greedy") for _ in range(8)]
    assert asker.answer("/latest/user-data").status == 200
    assert asker.pool.status() == {"waiting": 7, "asked": 1}
    for one in hanging:
        one.give_up()
    eventually(lambda: asker.pool.status() == {"waiting": 0, "asked": 0})
    assert not any(one in asker.done for one in hanging)
    asker.pool.stop()


def test_no_more_than_can_wait(plain: str) -> None:
    pool = Pool(Target(MetadataSettings(plain, "")), 1, 1000)  # not started
    made = [Exchange(n, "GET", "/", [], b"", 0.0, print) for n in range(QUEUE + 1)]
    assert all(map(pool.submit, made[:-1])) and not pool.submit(made[-1])


@pytest.mark.parametrize("url", [
    "ftp://h", "h:8775", "http://", "http://u:p@h", "http://h/?a", "http://h/#a", "http://h:0x1/",
])  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError):
        Target(MetadataSettings(url, ""))


def test_the_secret_may_change(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(OSError):
        Secret(str(path))
    path.write_text("\n")
    with pytest.raises(ValueError, match="empty"):
        Secret(str(path))
    path.write_text("one\n")
    secret = Secret(str(path))
    assert secret.value() == b"one"
    path.write_text("another\n")
    assert secret.value() == b"another"
    path.unlink()
    assert secret.value() == b"another"


def test_options() -> None:
    assert metadata_settings(default_options()) is None

    class Section:
        url, shared_secret_file = "http://h", None

    class Conf:
        metadata = Section

    with pytest.raises(SettingsError, match="shared_secret_file"):
        metadata_settings(Conf)


@pytest.mark.parametrize(("status", "ok", "text"), [
    (None, None, ""),
    ({"problem": "", "results": {}}, True, "no instance"),
    ({"problem": "", "results": {"200": 1}}, True, "answers"),
    ({"problem": "refused", "problem_seconds": 7, "results": {}}, False, "7 s"),
])  # fmt: skip
def test_health(status: dict | None, ok: bool | None, text: str) -> None:
    class Sources:
        metadata = None if status is None else staticmethod(lambda: status)

    found = list(check.checks(Sources()))
    assert [one.ok for one in found] == ([] if ok is None else [ok])
    assert all(text in one.detail for one in found)
