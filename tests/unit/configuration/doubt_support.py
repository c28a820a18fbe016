"""A node's configuration on a real store, and what becomes of the store meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, Network, Port
from ryu_apps.control.messages import ConfigChanged, ConfigDoubted, ConfigLoaded, StatusChanged
from ryu_apps.store.base import Delete, Put, Unavailable
from tests.unit.northbound.api_client import options
from tests.unit.store.store_support import until


class Node:
    """A configuration and what the control core would hold."""

    def __init__(self, store, state: Path | str = "") -> None:
        self.store = store
        self.state = str(state)
        self.events: list = []
        self.begin()

    def begin(self) -> Node:
        self.configuration = Configuration(
            self.store, self.events.append, options(), self.state
        )
        self.configuration.start()
        self.configuration.doubted(ConfigDoubted("", True))  # the hypervisors say nothing else
        return self

    def end(self) -> None:
        self.configuration.stop()
        self.events.clear()

    def add(self, *names: str) -> None:
        self.configuration.commit(lambda config: ([
            change for name in names for change in (
                Change("network", name, Network(name, 1000 + int(name[1:]), int(name[1:]))),
                Change("port", name, Port(name, name, f"02:00:00:00:00:{int(name[1:]):02x}")),
            )
        ], None))  # fmt: skip

    def remove(self, name: str) -> None:
        self.configuration.commit(
            lambda config: ([Change("port", name, None), Change("network", name, None)], None)
        )

    def networks(self) -> dict[str, Network]:
        """As the API would show them."""
        return self.configuration.read(lambda own: dict(own.networks))

    @property
    def held(self) -> set[str]:
        config = Config()
        for event in list(self.events):
            if isinstance(event, ConfigChanged):
                for change in event.changes:
                    config.apply(change)
        assert set(config.ports) == self.configuration.read(lambda own: set(own.ports))
        return set(config.ports)

    @property
    def loaded(self) -> bool:
        return any(isinstance(event, ConfigLoaded) for event in self.events)

    @property
    def status(self) -> dict:
        found: dict = {}
        for event in list(self.events):
            if isinstance(event, StatusChanged):
                found.update(event.changes)
        return {key: value for key, value in found.items() if value is not None}

    def doubts(self) -> str:
        until(lambda: self.configuration.doubt)
        return self.configuration.doubt

    def refuses(self) -> None:
        with pytest.raises(Unavailable, match="vnctl config") as caught:
            self.add("n99")
        assert caught.value.definite

    def trusts(self) -> None:
        until(lambda: not self.configuration.doubt)


def everything(store, prefix: str = "/") -> list:
    return store.list(prefix)[0]


def wipe(store, prefix: str = "/config/") -> list:
    items = everything(store, prefix)
    store.transact([], [Delete(item.key) for item in items])
    return items


def fill(store, items) -> None:
    store.transact([], [Put(item.key, item.value) for item in items])
