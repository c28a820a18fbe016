"""Declares a node dead when nothing listens at its address any more: its process is gone, and its
lease has some seconds left.

Only a refused connection counts, which the kernel of a host that is alive sends for a port that is
closed.  Should it be wrong all the same (a firewall that answers for the node) the node puts its
record again, and what was taken over meanwhile is fenced.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from urllib.parse import urlsplit

from ryu_apps.control.messages import ProbeNode, Subscriptions
from ryu_apps.control.ownership.records import NODES
from ryu_apps.node_name import record_of, same_node
from ryu_apps.store.base import Compare, Conflict, Delete, Store, StoreError
from ryu_apps.supervision import Thread

LOG = logging.getLogger(__name__)
TIMEOUT = 1.0
"""Seconds for a connection: a host that does not answer is left to the lease."""
ATTEMPTS = 3
"""A listener that is just going may take a connection yet."""
PAUSE = 0.2


class NodeProbe:
    """``node``: the name of this one.  ``host``: its host."""

    def __init__(self, store: Store, node: str, host: str) -> None:
        self._store = store
        self._node = node
        self._host = host
        self._probing: set[str] = set()

    def subscriptions(self) -> Subscriptions:
        return {ProbeNode: self.probe}

    def probe(self, effect: ProbeNode) -> None:
        """Controller thread."""
        address = address_of(str(effect.record.get("url", "")), self._local(effect.record))
        if address is not None and effect.node not in self._probing:
            self._probing.add(effect.node)
            Thread(self._look, f"probe-{effect.node}", (effect, address)).start()

    def _local(self, record: dict) -> bool:
        return record.get("host") == self._host

    def _look(self, effect: ProbeNode, address: tuple[str, int]) -> None:
        try:
            if is_gone(address):
                self._declare_dead(effect, address)
        except StoreError as error:
            LOG.warning("node %s is gone, and the store cannot be told: %s", effect.node, error)
        finally:
            self._probing.discard(effect.node)

    def _declare_dead(self, effect: ProbeNode, address: tuple[str, int]) -> None:
        item = self._store.get(NODES + effect.node)
        found = record_of(item)
        if item is None or found is None:
            return
        if not same_node(found, effect.record) or (
            found.get("started_at") != effect.record.get("started_at")
        ):
            return  # It has started again.
        try:
            self._store.transact([Compare(item.key, item.revision)], [Delete(item.key)])
        except Conflict:
            return
        LOG.warning("node %s is declared dead by %s: connection refused at %s port %d",
                    effect.node, self._node, *address)


def address_of(url: str, local: bool) -> tuple[str, int] | None:
    """Where a node's API listens; None where that says nothing about the node: a name, or an
    address that means another host on each host, unless both are on one (``local``)."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]
        address = ipaddress.ip_address(host)
    except (ValueError, KeyError):
        return None
    if address.is_unspecified or (address.is_loopback and not local):
        return None
    return host, port


def is_gone(address: tuple[str, int]) -> bool:
    """Whether connections are refused there, ATTEMPTS times in a row."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        try:
            socket.create_connection(address, TIMEOUT).close()
            return False
        except ConnectionRefusedError:
            continue
        except OSError:
            return False
    return True
