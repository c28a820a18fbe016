"""Every kind of state object becomes real somewhere: none is declared that nobody reconciles."""

from __future__ import annotations

import pytest

from ryu_apps.southbound.ovsdb.objects import KINDS as ROWS
from vrouter_ovs.pipeline import RENDERERS
from vrouter_ovs.state import (
    FLOWS,
    GROUP,
    KINDS,
    METER,
    OVSDB,
    TARGET_OF,
    TARGETS,
    FloodParts,
    Group,
    MeterPool,
    StateBase,
)


def of(target: str) -> set[type]:
    return {cls for cls in KINDS.values() if cls.target == target}


def test_each_target_reconciles_its_kinds_and_no_other() -> None:
    assert of(FLOWS) == set(RENDERERS)
    assert of(OVSDB) == {KINDS[kind] for kind in ROWS}
    assert of(GROUP) == {Group, FloodParts}
    assert of(METER) == {MeterPool}
    assert set(TARGET_OF.values()) == set(TARGETS)


@pytest.mark.parametrize("cls", KINDS.values(), ids=lambda cls: cls.kind)
def test_a_kind_declares_what_the_contract_asks_for(cls: type[StateBase]) -> None:
    assert issubclass(cls, StateBase) and cls.__doc__
    assert "key" in vars(cls), "its key is its own"
    assert all("__slots__" in vars(one) for one in cls.__mro__[:-1]), "there are millions of them"
