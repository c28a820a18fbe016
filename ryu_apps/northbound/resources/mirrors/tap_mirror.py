"""``/v2.0/taas/tap_mirrors``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import TapMirror
from ryu_apps.control.config.resources.mirrors.tap_mirror import TAP_MIRROR
from ryu_apps.control.config.rules.mirrors import tap_mirrors
from ryu_apps.northbound.bodies.fields import Address, Body, IntegerOrNone, Name, Text, Uuid
from ryu_apps.northbound.listing.attributes import OBJECT, STRING, Type, as_address
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View


class TapMirrorUpdate(Body):
    name: Name = ""
    description: Text = ""


class Directions(Body):
    IN: IntegerOrNone = None
    OUT: IntegerOrNone = None


class TapMirrorCreate(TapMirrorUpdate, standard.Owned):
    port_id: Uuid
    directions: Directions
    remote_ip: Address
    mirror_type: Name


def view(item: TapMirror, _extra: Any) -> View:
    sessions = {"IN": item.session_in, "OUT": item.session_out}
    return {
        "id": item.id,
        "name": item.name,
        "port_id": item.port_id,
        "directions": {way: number for way, number in sessions.items() if number},
        "remote_ip": item.remote_ip,
        "mirror_type": item.mirror_type,
        **standard.standard(item),
    }


COLLECTION = Collection(
    kind=TAP_MIRROR,
    path="taas/tap_mirrors",
    create_body=TapMirrorCreate,
    update_body=TapMirrorUpdate,
    rules=tap_mirrors,
    view=view,
    attributes={
        **standard.ATTRIBUTES, "name": STRING, "port_id": STRING, "directions": OBJECT,
        "remote_ip": Type({"type": "string"}, as_address), "mirror_type": STRING,
    },
    extensions={
        "tap-mirror": ("Tap Mirror", "What a port sends and receives, copied by GRE or ERSPAN"),
    },
)
