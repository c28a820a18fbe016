"""What the handlers of all resources share."""

from __future__ import annotations

import datetime
import os
import random
import re
import uuid
from typing import Any

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config import ipam
from ryu_apps.control.config.rules import Context
from ryu_apps.control.config.rules.quotas import COUNTED
from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.settings import network_mtu, overlay_mtu, physical_mtus

_IF_MATCH = re.compile(r"\"?revision_number=(\d{1,18})\"?")


def context_options(settings: Any) -> dict[str, Any]:
    """What of a rule's Context follows from the options.  Raises ValueError for bad ones."""
    try:
        mac_prefix = ipam.canonical_mac(settings.vpn.mac_prefix + ":00:00:01")[:8]
    except ValueError:
        raise ValueError(
            f"[vpn] mac_prefix {settings.vpn.mac_prefix!r}: three bytes such as fa:16:3e"
        ) from None
    return {
        "vni_range": ipam.parse_range(settings.vpn.vni_range), "mac_prefix": mac_prefix,
        "mtu": network_mtu(settings), "max_mtu": overlay_mtu(settings),
        "physical_mtus": physical_mtus(settings), "mdns": settings.dns.mdns,
        "igmp_snooping": settings.openflow.igmp_snooping_enable,
        "quotas": {kind: settings.quotas[f"quota_{kind}"] for kind in COUNTED},
    }  # fmt: skip


class Environment:
    """What all resources share."""

    def __init__(self, configuration: Configuration, node_view: NodeView, settings: Any):
        self.configuration = configuration
        self.node_view = node_view
        self.settings = settings
        self.max_page = settings.api.max_page
        self._options = context_options(settings)
        self.vni_range: tuple[int, int] = self._options["vni_range"]
        self.quotas: dict[str, int] = self._options["quotas"]
        """Kind -> the most of it that a project may have where nobody said otherwise."""
        self._source = random.Random(os.urandom(16))

    def context(self, call: Call) -> Context:
        if_match = None
        if "If-Match" in call.request.headers:
            match = _IF_MATCH.fullmatch(call.header("If-Match"))
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
            **self._options,
            project_id=call.principal.project_id,
            if_match=if_match,
        )
