"""What a VM sends in the name of others reaches nobody, neither on its hypervisor nor on another,
whether its node runs, is dead or starts; what it sends in its own name does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.spoofing import ROWS, Aim
from lab.topology import Lab
from tests.lab.spoof_support import AIMS, Sent, SpoofBed

PHASES = ("running", "dead", "starting")


@pytest.fixture(scope="module", params=[True, False], ids=["tracked", "untracked"])
def bed(lab: Lab, request: pytest.FixtureRequest) -> Iterator[SpoofBed]:
    made = SpoofBed(lab, request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def sent(lab: Lab, bed: SpoofBed) -> dict[str, Sent]:
    """Phase -> what was sent in it, once or more often."""
    node = lab.nodes["node1"]
    found = {"running": bed.send()}
    bed.settle()
    node.kill()
    found["dead"] = bed.send()
    bed.settle()
    node.restart(wait=False)
    found["starting"] = bed.send()
    while not node.answers() or bed.client.health().get("status") != "ok":
        found["starting"] += bed.send()
    bed.settle()
    return found


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("phase", PHASES)
def test_row(
    bed: SpoofBed, sent: dict[str, Sent], phase: str, row: str
) -> None:
    last: dict[str, Aim] = {}
    for _, name, aim in (one for one in sent[phase] if one[0] == row):
        last[name] = aim
        assert aim.bad or row == "ipv6 headers"
        assert not bed.leaked([(row, name, aim)])
    assert list(last) == list(AIMS)
    for name, aim in last.items():
        lost = bed.lost(aim, name)
        assert not lost, f"{row} to {name}: good frames {lost} did not arrive"
