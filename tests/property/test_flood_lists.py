"""Flood lists of any length: everybody on the list gets one copy, and no pass does too much."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vrouter_ovs.pipeline import render
from vrouter_ovs.pipeline.flood import part_actions
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import BridgedHop, Endpoint, Flood, FloodRemotes, flood_parts
from vrouter_ovs.wire.buckets import encode_group
from vrouter_ovs.wire.encode import encode_object

counts = st.one_of(st.integers(0, 3), st.integers(250, 260), st.integers(395, 2100))
encaps = st.lists(st.sampled_from(["vxlan", "geneve", "mpls-in-gre"]), min_size=1, max_size=3)


class Switch:
    """Runs the flows of flood lists: who gets copies, and how many in the pass that has most."""

    def __init__(self, *floods: Flood | FloodRemotes) -> None:
        flows = [flow for flood in floods for flow in render(flood)]
        self.lists = [flow for flow in flows if flow.table == "flood"]
        self.parts = [flow for flow in flows if flow.table == "part"]
        self.groups = {
            parts.group: parts for flood in floods if (parts := flood_parts(flood)) is not None
        }
        self.got: Counter = Counter()
        self.passes = [0]
        self._run(self._found(self.lists, 0), {}, 0)

    @staticmethod
    def _found(flows: list[Flow], bucket: int) -> Flow | None:
        """The one flow for this value of the register."""
        found = [
            flow for flow in flows
            for name, value, *mask in flow.match
            if name == "bucket" and bucket & (mask[0] if mask else 0xFFFFFFFF) == value
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def _run(self, flow: Flow | None, registers: dict, number: int) -> None:
        if flow is not None:
            self._do(flow.actions, registers, number)

    def _do(self, actions: tuple[tuple, ...], registers: dict, number: int) -> None:
        """``number``: of the pass."""
        for kind, *args in actions:
            if kind in ("set_field", "load"):
                registers[args[0]] = args[1]
            elif kind == "group":
                parts = self.groups[args[0]]
                for part in range(parts.count):
                    self._do(part_actions(parts, part), dict(registers), number)
            elif kind == "clone":
                self._do(args[0], dict(registers), number)
            elif kind == "recirculate":
                number = len(self.passes)
                self.passes.append(0)
            elif args[0] == "flood":
                self._run(self._found(self.lists, registers["bucket"]), registers, number)
            elif args[0] == "part":
                self._run(self._found(self.parts, registers["bucket"]), registers, number)
            else:
                self.passes[number] += 1
                names = ("out_port",) if args[0] == "deliver" else ("tun_id", "vtep", "tunnel_type")
                self.got[tuple(registers.get(name, 0) for name in names)] += 1


@given(counts, counts, encaps)
def test_everybody_gets_one_copy_and_no_pass_has_too_many(
    ports: int, remotes: int, encaps: list[str]
) -> None:
    local = Flood(7, tuple(range(1, ports + 1)))
    hops = tuple(
        BridgedHop(Endpoint(f"10.0.{n >> 8}.{n & 255}", encaps[n % len(encaps)]), 16 + n)
        for n in range(remotes)
    )
    floods = (local, FloodRemotes(7, hops)) if hops else (local,)
    switch = Switch(*floods)
    assert len(switch.got) == ports + remotes
    assert set(switch.got.values()) <= {1}
    assert switch.passes[0] <= 400 + 256 and all(count <= 256 for count in switch.passes[1:])
    keys = [flow.key for flood in floods for flow in encode_object(flood)]
    assert len(set(keys)) == len(keys)
    assert len({encode_group(parts).id for parts in switch.groups.values()}) == len(switch.groups)
