"""What the handlers of all resources share, and who asks."""

from __future__ import annotations

import datetime
import os
import random
import re
import uuid
from typing import Any

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config import ipam
from ryu_apps.control.config.access import ADMINISTRATOR, Principal
from ryu_apps.control.config.rules import Context
from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.http.application import Call
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.settings import network_mtu, overlay_mtu

PROJECT = "X-Project-Id"
"""The header that names the client's project; without it the client is an administrator."""
MAX_PROJECT = 255
_IF_MATCH = re.compile(r"\"?revision_number=(\d{1,18})\"?")


class Environment:
    """What all resources share."""

    def __init__(self, configuration: Configuration, node_view: NodeView, settings: Any):
        self.configuration = configuration
        self.node_view = node_view
        self.settings = settings
        self.max_page = settings.api.max_page
        self._mtu, self._max_mtu = network_mtu(settings), overlay_mtu(settings)
        self._vni_range = ipam.parse_range(settings.vpn.vni_range)
        try:
            self._mac_prefix = ipam.canonical_mac(settings.vpn.mac_prefix + ":00:00:01")[:8]
        except ValueError:
            raise ValueError(
                f"[vpn] mac_prefix {settings.vpn.mac_prefix!r}: three bytes such as fa:16:3e"
            ) from None
        self._source = random.Random(os.urandom(16))

    def context(self, call: Call) -> Context:
        text, if_match = call.header("If-Match"), None
        if text:
            match = _IF_MATCH.fullmatch(text)
            if not match:
                raise ApiError(
                    400, "HTTPBadRequest", "If-Match must read 'revision_number=N'."
                )
            if_match = int(match[1])
        now = datetime.datetime.now(datetime.UTC)
        return Context(
            now=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            new_id=lambda: str(uuid.uuid4()),
            source=self._source,
            vni_range=self._vni_range,
            mac_prefix=self._mac_prefix,
            mtu=self._mtu,
            max_mtu=self._max_mtu,
            mdns=self.settings.dns.mdns,
            project_id=principal(call).project_id,
            if_match=if_match,
        )


def principal(call: Call) -> Principal:
    """Who asks.  Raises ApiError 400 for a project that has no name: it must not pass for an
    administrator."""
    if PROJECT not in call.request.headers:
        return ADMINISTRATOR
    project = call.header(PROJECT)
    if not 1 <= len(project) <= MAX_PROJECT:
        raise ApiError(
            400, "HTTPBadRequest", f"{PROJECT} must have 1 to {MAX_PROJECT} characters; leave it "
            "out for an administrator's request.",
        )
    return Principal(project)
