"""Holds flows against the declarations of their tables, one *shape* of flow once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NoReturn

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.schema.declaration import TO_CALLER
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.schema.registers import REGISTERS
from vrouter_ovs.schema.tables import BY_NAME

_HARMLESS = frozenset(
    ("push", "recirculate", "push_mpls", "pop_ethernet", "pop_mpls", "pop_mpls_of_frame")
)
"""Actions that need no declaration."""
_SETTING = frozenset(
    ("set_field", "load", "set_bits", "pop", "multipath", "bundle", "first_live", "check_larger")
)
"""Those that write the field that they name."""


def check(flow: Flow) -> None:
    """Refuse a flow that breaks its table's declaration.  Raises PipelineError."""
    if not flow.actions:
        raise PipelineError(f"table {flow.table}: a flow without actions; a drop is said")
    for position, action in enumerate(flow.actions):
        if action[0] == "goto" and position + 1 < len(flow.actions):
            raise PipelineError(f"table {flow.table}: an action follows goto {action[1]}")
        if action[0] == "meter" and position:
            raise PipelineError(f"table {flow.table}: meter {action[1]} is not the first action")
    _check_shape(
        flow.table,
        flow.priority,
        tuple(term[0] for term in flow.match),
        tuple(dict.fromkeys(map(_action_shape, _flat(flow.actions)))),
    )


def _flat(actions: tuple[tuple, ...]) -> Iterator[tuple]:
    """With what is done to copies."""
    for action in actions:
        if action[0] == "clone":
            yield from _flat(action[1])
        else:
            yield action


def _action_shape(action: tuple) -> tuple:
    """The action without its values."""
    kind = action[0]
    if kind in ("output", "group", "meter"):
        return (kind,)
    if kind in ("multipath", "check_larger", "bundle", "first_live"):
        return (kind, action[2])
    if kind in ("ct", "ct_commit"):
        return (kind, *action[2:])
    if kind in ("ct_nat", "ct_snat"):
        return (kind, action[-1])
    if kind in ("set_field", "load", "set_bits"):
        return action[:2]
    return action


@lru_cache(maxsize=16384)
def _check_shape(
    name: str, priority: str | tuple[str, int], matches: tuple[str, ...], actions: tuple[tuple, ...]
) -> None:
    table = BY_NAME.get(name)
    if table is None:
        raise PipelineError(f"no table is named {name!r}")

    def refuse(what: str) -> NoReturn:
        raise PipelineError(f"table {name} does not declare {what}")

    if priority not in table.numbers:
        refuse(f"the priority {priority!r}")
    for field in matches:
        if field not in table.matches:
            refuse(f"a match on {field}")
    # Two parts of a register would be two terms for one OXM field, which a switch refuses.
    wholes = [REGISTERS[field].header if field in REGISTERS else field for field in matches]
    if len(set(wholes)) != len(matches):
        raise PipelineError(f"table {name}: a field is matched twice in {matches}")
    for kind, *args in actions:
        if kind in _SETTING:
            if args[0] not in table.sets:
                refuse(f"setting {args[0]}")
        elif kind == "move":
            if args[1] not in table.sets:
                refuse(f"setting {args[1]}")
        elif kind in ("pop_vlan", "push_vlan"):
            if "vlan_vid" not in table.sets:
                refuse("setting vlan_vid")
        elif kind == "dec_ttl":
            if "ip_ttl" not in table.sets:
                refuse("setting ip_ttl")
        elif kind == "ct_commit" and not args:
            continue
        elif kind in ("goto", "resubmit", "ct", "ct_commit", "ct_nat", "ct_snat"):
            if args[0] not in table.next:
                refuse(f"{kind} {args[0]}")
        elif kind in ("output", "output_reg", "group"):
            if not table.outputs:
                refuse("output")
        elif kind == "meter":
            if not table.meters:
                refuse(kind)
        elif kind == "drop":
            if len(actions) > 1:
                raise PipelineError(f"table {name}: a drop is the only action")
            stated = priority if isinstance(priority, str) else priority[0]
            if table.by_name[stated].drop is None:
                refuse(f"a reason to drop at the priority {priority!r}")
        elif kind == "return":
            if len(actions) > 1 or table.miss != TO_CALLER:
                refuse("a return")
        elif kind == "controller":
            if not table.punts:
                refuse(kind)
        elif kind not in _HARMLESS:
            raise PipelineError(f"table {name}: unknown action {kind!r}")
