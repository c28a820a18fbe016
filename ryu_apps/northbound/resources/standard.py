"""What all resources have (API guide, "Standard attributes"): bodies, view, types, extensions."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import Resource
from ryu_apps.northbound.bodies.fields import Body, Name, Tags, Text
from ryu_apps.northbound.listing.attributes import INTEGER, STRING, TIME, Attributes, list_of

ATTRIBUTES: Attributes = {
    "id": STRING, "description": STRING, "project_id": STRING, "tenant_id": STRING,
    "tags": list_of(), "revision_number": INTEGER, "created_at": TIME, "updated_at": TIME,
}
EXTENSIONS = {
    "project-id": ("project_id field enabled", "project_id stands beside tenant_id"),
    "revision-if-match": ("If-Match constraints", "If-Match: revision_number=N"),
    "standard-attr-description": ("standard-attr-description", "Resources have a description"),
    "standard-attr-revisions": ("Resource revision numbers", "Resources have revision_number"),
    "standard-attr-timestamp": ("Resource timestamps", "created_at and updated_at"),
}


class Described(Body):
    """Base of bodies of what has a name and can be put down."""

    name: Name = ""
    description: Text = ""
    admin_state_up: bool = True


class Owned(Body):
    """What only a create body has."""

    project_id: Text = ""
    tenant_id: Text = ""
    tags: Tags = []


def standard(item: Resource) -> dict[str, Any]:
    """The end of every view."""
    return {
        "description": item.description,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
        "tags": list(item.tags),
        "revision_number": item.revision_number,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }
