"""``/v2.0/floatingips``: there are none, as there are no external networks in this version.

Clients that list them are told so with an empty list, and who wants one hears why there is none.
"""

from __future__ import annotations

from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing.attributes import (
    INTEGER,
    STATUS,
    STRING,
    TIME,
    as_address,
    list_of,
    or_null,
)
from ryu_apps.northbound.read_only.collection import ReadOnly

_ADDRESS = or_null("string", as_address)

FLOATING_IPS = ReadOnly(
    path="floatingips",
    name="floatingip",
    plural="floatingips",
    title="FloatingIP",
    words="floating IPs",
    items=lambda environment, call, filters: [],
    attributes={
        "id": STRING, "description": STRING, "project_id": STRING, "tenant_id": STRING,
        "tags": list_of(), "revision_number": INTEGER, "created_at": TIME, "updated_at": TIME,
        "floating_ip_address": _ADDRESS, "floating_network_id": STRING, "status": STATUS,
        "fixed_ip_address": _ADDRESS, "port_id": or_null("string"), "router_id": or_null("string"),
        "dns_name": STRING, "dns_domain": STRING,
    },
)


class FloatingIps:
    """What changes them."""

    def __init__(self, environment: Environment):
        self._env = environment

    def routes(self) -> list[Route]:
        root, tag = f"/v2.0/{FLOATING_IPS.path}", FLOATING_IPS.path
        return [
            Route("POST", root, self.create, "Always refused: there are no floating IPs", tag,
                  None, "Record", 201, refusals=(501,)),
            Route("PUT", f"{root}/{{id}}", self.absent, "Always refused", tag, None, "Record"),
            Route("DELETE", f"{root}/{{id}}", self.absent, "Always refused", tag, status=204),
        ]

    def create(self, call: Call) -> Reply:
        raise ApiError(
            501, "NotImplemented",
            "This version has no floating IPs: there are no external networks yet that they could "
            "be of. A port is reached from outside where a router of another system has its VPN's "
            "route targets (vpn:import_targets, vpn:export_targets).",
        )

    def absent(self, call: Call, id: str) -> Reply:
        raise ApiError(404, "FloatingIPNotFound", f"Floating IP {id} could not be found.")
