"""[api] auth = tokens: what is said of it, and what is answered before the store was read."""

from __future__ import annotations

import logging

import pytest

from ryu_apps.identity import choice
from ryu_apps.identity.authenticator import TokenAuthenticator
from ryu_apps.identity.base import IdentityUnavailable, Unauthenticated
from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.records import IDENTITY, Project, User
from ryu_apps.identity.service import IdentityService
from ryu_apps.store.base import Put, Unavailable
from ryu_apps.store.memory import MemoryStore
from tests.unit.identity.directories import until
from tests.unit.northbound.api_client import options

ENVIRON = {"HTTP_X_AUTH_TOKEN": "gAAAAAB", "HTTP_HOST": "node1:9696", "wsgi.url_scheme": "https"}


class Away(MemoryStore):
    """``away``: it does not answer."""

    away = True

    def list(self, prefix):
        if self.away:
            raise Unavailable("nobody answers", definite=True)
        return super().list(prefix)


@pytest.fixture
def service():
    conf = options(auth="tokens")
    conf.set_override("bcrypt_cost", 4, "identity")
    made = choice.service(conf, Away(), lambda: "")
    assert isinstance(made, IdentityService)
    yield made
    made.stop()


def test_until_the_store_was_read_it_cannot_be_told_who_asks(service):
    service.start()
    ours = TokenAuthenticator(service)
    with pytest.raises(IdentityUnavailable):
        ours.authenticate(ENVIRON)
    with pytest.raises(Unauthenticated) as caught:
        ours.authenticate({**ENVIRON, "HTTP_X_AUTH_TOKEN": ""})
    assert caught.value.uri == "https://node1:9696/v3"
    assert ours.standing().warning and "not read yet" in ours.standing().detail
    service.copy._store.away = False
    until(lambda: service.copy.loaded)
    with pytest.raises(Unauthenticated):
        ours.authenticate(ENVIRON)
    until(lambda: service.read(lambda directory: len(directory.token_keys)) == 2)


def test_how_it_stands(service):
    service.copy._store.away = False
    service.start()
    ours = TokenAuthenticator(service, "https://here/")
    assert ours.standing().warning and "vnctl identity bootstrap" in ours.standing().detail
    service.copy.commit(rules.bootstrap(User("a" * 32, "admin"), "x", Project("1" * 32, "admin")))
    assert ours.standing() == ("tokens: 1 users, 1 administrators", False)
    service.copy._store.transact([], [Put(IDENTITY + "user/bad", b"{")])
    until(lambda: ours.standing().warning)
    assert "1 stored records left out" in ours.standing().detail
    assert ours.forwarded(ENVIRON, None) == {"X-Auth-Token": "gAAAAAB"}


@pytest.mark.parametrize("host, file, told", [
    ("127.0.0.1", None, False), ("0.0.0.0", None, True), ("0.0.0.0", "/etc/vnc/api.crt", False)])
def test_passwords_in_the_clear_are_warned_of(service, caplog, host, file, told):
    conf = options(auth="tokens", host=host)
    conf.set_override("cert_file", file, "api")
    with caplog.at_level(logging.WARNING):
        assert isinstance(choice.authenticator(conf, service), TokenAuthenticator)
    assert ("is not HTTPS" in caplog.text) is told
