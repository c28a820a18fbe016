"""The table of who may do what, beside the resources that there are."""

from __future__ import annotations

import pytest

from ryu_apps.control.config import access
from ryu_apps.control.config.model import ALL_KINDS
from ryu_apps.northbound.resources.declared import COLLECTIONS
from tests.unit.authorities import authority


@pytest.mark.parametrize("declaration", COLLECTIONS, ids=lambda one: one.kind.name)
def test_the_table_of_who_may_do_what_names_attributes_that_there_are(declaration):
    known = declaration.named | set(declaration.attributes)
    for name in declaration.kind.access.attributes:
        if name.endswith("*"):
            assert any(one.startswith(name[:-1]) for one in known), name
        else:
            assert name.partition(":")[0] in known or name in known, name
    assert {name for name, kind in ALL_KINDS.items() if kind.collection} == {
        one.kind.name for one in COLLECTIONS
    }
    member = authority(access.Principal("p"))
    assert not access.hidden(authority(access.ADMINISTRATOR), declaration.kind.name, known)
    assert all(":" in name or name in ("distributed", "ha", "segment_id", "segments", "hints",
                                       "trusted")
               for name in access.hidden(member, declaration.kind.name, known))
