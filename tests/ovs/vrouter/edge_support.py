"""Objects of ports whose packets the node answers, and which of them are punted."""

from __future__ import annotations

from lab.beds.sandbox import Sandbox
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.state.meters import meter_id

VTEP, OWN, GATEWAY = "192.0.2.2", "02:00:00:00:00:01", "02:aa:00:00:00:01"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def send(vrouter: Sandbox, number: int, packet: str) -> Outcome:
    return trace(vrouter, f"in_port=p{number},{packet}")


def punted(outcome: Outcome, number: int) -> bool:
    """To the node through the port's meter, and nowhere else."""
    assert outcome.sent == []
    if "userspace(" not in outcome.text:
        assert "Datapath actions: drop" in outcome.text
        return False
    assert f"meter:{meter_id(number)}" in outcome.text
    actions = outcome.text.partition("Datapath actions: ")[2].splitlines()[0]
    assert actions.startswith("meter(") and actions.count("userspace(") == 1
    assert "controller(reason=1," in actions
    return True
