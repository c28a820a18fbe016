"""The index of VTEPs over the records of the whole system."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.graph.graph import Graph

change = st.tuples(
    st.sampled_from(["e0", "e1", "e2"]), st.sampled_from([None, "172.16.0.1", "172.16.0.2"])
)


@given(st.lists(change))
def test_the_lowest_system_id_has_the_vtep(changes):
    elements = Elements("node", Graph([]).marks("Elements"))
    records: dict[str, str] = {}
    for name, vtep in changes:
        elements.set_record(name, None if vtep is None else {"vtep": vtep})
        records.pop(name, None)
        if vtep is not None:
            records[name] = vtep
        assert elements.by_vtep == {
            vtep: min(name for name in records if records[name] == vtep)
            for vtep in records.values()
        }
