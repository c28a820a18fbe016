"""JSON schemas of bodies as they are read: clients send booleans and numbers also as text."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

_WORDS = ("true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0")
"""Pydantic, "Conversion table": texts that are a boolean, in any case of letters."""
_SPELLED = "|".join(
    "".join(f"[{one.upper()}{one}]" if one.isalpha() else one for one in word) for word in _WORDS
)


class AsRead(GenerateJsonSchema):
    """What :func:`ryu_apps.northbound.bodies.parsing.parse` accepts."""

    def bool_schema(self, schema: core_schema.BoolSchema) -> dict[str, Any]:
        if schema.get("strict"):
            return super().bool_schema(schema)
        return {"anyOf": [
            {"type": "boolean"}, {"enum": [0, 1]}, {"type": "string", "pattern": f"^({_SPELLED})$"},
        ]}
