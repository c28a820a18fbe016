"""Asking the node that owns something."""

from __future__ import annotations

import logging
from urllib.parse import quote

import requests

from ryu_apps.northbound.base import Remote
from ryu_apps.northbound.http.call import Call, Reply
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.node.others import FORWARDED, TIMEOUT, asking

LOG = logging.getLogger(__name__)


def ask_owner(
    http: requests.Session, call: Call, remote: Remote, method: str, root: str, *names: str
) -> Reply:
    """Ask the node that owns the element for ``names`` below ``root``; it must not ask on.

    ``http``: of :func:`~ryu_apps.northbound.node.others.session`.  Raises ApiError.
    """
    if call.header(FORWARDED):
        raise ApiError(
            503, "OwnerUnclear",
            f"Two nodes each hold the other for the owner (this one: {remote.node}): the "
            "element is moving. Try again in a moment.",
        )
    path = "/".join([root, *(quote(name, safe="") for name in names)])
    query = call.request.query_string
    url = f"{remote.url.rstrip('/')}{path}" + (f"?{query}" if query else "")
    try:
        answer = http.request(
            method, url, headers=asking(call), timeout=TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        LOG.warning("node %s at %s did not answer: %s", remote.node, remote.url, error)
        raise ApiError(
            502, "NodeUnreachable",
            f"The owner of this element, node {remote.node}, does not answer at {remote.url}.",
        ) from error
    return Reply(answer.status_code, answer.content or None)
