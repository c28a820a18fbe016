"""Asking the other nodes of the system, side by side and not for long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

import requests

from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.http.call import Call
from ryu_apps.supervision import Thread

LOG = logging.getLogger(__name__)
FORWARDED = "X-VNC-Forwarded"
"""The header of what one node asks another: it answers for itself alone."""
TIMEOUT = (2.0, 10.0)
"""Seconds to connect to another node, and between bytes of its answer."""
PATIENCE = 5.0
"""Seconds that the answer of all waits for those of the others."""
WAITING = 4
"""Questions to one node at a time, each on a thread: one that hangs must not collect them."""


def asking(call: Call) -> dict[str, str]:
    """The headers of what one node asks another, for the client of ``call``."""
    return {FORWARDED: "1", **call.forwarded}


def session(options: Any) -> requests.Session:
    """What other nodes are asked with."""
    made = requests.Session()
    made.trust_env = False
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=WAITING)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    if options.client_ca_file:  # the nodes of a system have certificates of one CA
        made.verify = options.client_ca_file
        made.cert = (options.cert_file, options.key_file)
    return made


class Answers(NamedTuple):
    """``found``: node -> what it said.  ``missing``: ``{"node", "reason"}`` of those that did not
    answer, or not in time."""

    found: dict[str, Any]
    missing: list[dict[str, str]]


class Others:
    """``http``: of :func:`session`."""

    def __init__(self, view: NodeView, http: requests.Session) -> None:
        self._view = view
        self.http = http
        self._asked: dict[str, list[float]] = {}
        """Node -> when each of the questions was put that it has not answered."""
        self._change = threading.Condition()

    def ask(
        self, call: Call, path: str, read: Callable[[Any], Any], idle: bool = False
    ) -> Answers:
        """GET ``path`` (with its query) of every other node that owns elements, for the client of
        ``call``; with ``idle`` also of those that live and own none.
        ``read`` takes what one says apart; it raises KeyError, TypeError or ValueError for what is
        no such answer."""
        deadline = time.monotonic() + PATIENCE
        asked: dict[Future[Any], dict[str, Any]] = {}
        missing, later = [], []
        for node in self._view.nodes():
            if node.get("self") or not (node.get("elements") or (idle and node.get("alive"))):
                continue
            if not node.get("alive"):
                missing.append(_missing(node, "is away"))
            elif begun := self._slot(node["node"], 0.0):
                asked[self._start(call, node, path, read, begun)] = node
            else:
                later.append(node)
        for node in later:
            if begun := self._slot(node["node"], deadline):
                asked[self._start(call, node, path, read, begun)] = node
            else:
                missing.append(_missing(node, "has not answered earlier questions yet"))
        wait(asked, max(0.0, deadline - time.monotonic()))
        found = {}
        for future, node in asked.items():
            try:
                found[node["node"]] = future.result(0)
            except TimeoutError:
                missing.append(_missing(node, f"gave no answer in {PATIENCE:g} s"))
            except requests.RequestException as error:
                LOG.warning("node %s was asked %s: %s", node["node"], path, error)
                missing.append(_missing(node, f"does not answer at {node.get('url')}"))
            except (KeyError, TypeError, ValueError) as error:
                LOG.warning("node %s was asked %s: %r", node["node"], path, error)
                missing.append(_missing(node, "gave an answer that this version cannot read"))
        return Answers(found, missing)

    def _slot(self, name: str, deadline: float) -> float | None:
        """Now, when the node may be asked one more question: at once, or until ``deadline`` when
        it has answered one.  None: it may not; one that answers none is not waited for."""
        with self._change:
            while len(put := self._asked.setdefault(name, [])) >= WAITING:
                now = time.monotonic()
                if now >= deadline or now - put[0] > PATIENCE:
                    return None
                self._change.wait(deadline - now)
            put.append(begun := time.monotonic())
            return begun

    def _start(
        self, call: Call, node: dict[str, Any], path: str, read: Callable[[Any], Any],
        begun: float,
    ) -> Future[Any]:
        future: Future[Any] = Future()
        headers = asking(call)

        def get() -> None:
            try:
                answer = self.http.get(
                    node["url"].rstrip("/") + path, headers=headers, timeout=TIMEOUT,
                    allow_redirects=False,
                )
                answer.raise_for_status()
                future.set_result(read(answer.json()))
            except Exception as error:  # it is raised again where the result is wanted
                future.set_exception(error)
            finally:
                with self._change:
                    self._asked[node["node"]].remove(begun)
                    self._change.notify_all()

        Thread(get, f"api-asks-{node['node']}").start()
        return future


def _missing(node: dict[str, Any], reason: str) -> dict[str, str]:
    return {"node": node["node"], "reason": reason}
