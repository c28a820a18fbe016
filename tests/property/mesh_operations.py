"""Histories of a mesh: what happens to its nodes, and how a test plays it."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.property.mesh import Mesh

from .world_model import ELEMENTS, INTERFACES, PORTS

CONFIG = (
    "network", "subnet", "port", "port", "port", "router", "attach", "attach", "swap",
)  # fmt: skip
operation = st.one_of(
    st.tuples(
        st.sampled_from(CONFIG), st.integers(0, 14), st.integers(0, 24), st.integers(0, 29)
    ),
    st.tuples(
        st.just("bind"), st.sampled_from(ELEMENTS), st.sampled_from(INTERFACES),
        st.sampled_from((*PORTS[:5], None)),
    ),
    st.tuples(st.just("deliver"), st.integers(0, 2), st.integers(0, 2), st.integers(1, 4)),
    st.tuples(st.just("watch"), st.integers(0, 2), st.integers(1, 9)),
    st.tuples(st.just("cut"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("mend"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("flush"), st.integers(0, 2)),
    st.tuples(st.just("ack"), st.integers(0, 2)),
    st.tuples(st.just("migrate"), st.sampled_from(ELEMENTS), st.integers(0, 2)),
)


def play(mesh: Mesh, operations: list[tuple]) -> None:
    size = len(mesh.nodes)
    for name, *arguments in operations:
        match name:
            case "bind":
                mesh.bind(*arguments)
            case "deliver":
                source, to, count = arguments
                if source % size != to % size:
                    for _ in range(count):
                        mesh.deliver(source % size, to % size)
            case "watch":
                for _ in range(arguments[1]):
                    mesh.watch(arguments[0] % size)
            case "cut" | "mend":
                i, j = arguments[0] % size, arguments[1] % size
                if i != j:
                    getattr(mesh, name)(i, j)
            case "flush":
                mesh.flush(arguments[0] % size)
            case "ack":
                for element in ELEMENTS:
                    mesh.nodes[arguments[0] % size].ack(element)
            case "migrate":
                mesh.migrate(arguments[0], arguments[1] % size)
            case _:
                getattr(mesh.author, name)(*arguments)
