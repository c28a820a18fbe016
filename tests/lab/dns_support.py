"""What the DNS tests of the lab share: ``dig`` in VMs, and a lab whose nodes have a resolver."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.hosts.resolver import Resolver
from lab.net import Namespace
from lab.topology import Lab

RESOLVER = ("127.0.0.1", 5300)


@dataclass(frozen=True)
class Dig:
    """``status``: "NOERROR" and so on, "" where nobody answered."""

    status: str
    answers: list[str]
    flags: set[str]
    text: str = field(repr=False)


def dig(space: Namespace, *words: str, server: str = "10.0.1.1", patience: int = 5) -> Dig:
    """One question, asked again twice where it stays unanswered for ``patience`` seconds."""
    said = space.run(
        ["dig", *([f"@{server}"] if server else []), f"+time={patience}", "+tries=3", *words],
        timeout=4.0 * patience + 10, check=False,
    ).stdout  # fmt: skip
    status = re.search(r"status: (\w+)", said)
    flags = re.search(r"flags: ([a-z ]*);", said)
    section = said.partition(";; ANSWER SECTION:\n")[2].partition("\n\n")[0]
    answers = [line.split(None, 4)[4] for line in section.splitlines() if line]
    return Dig(
        status[1] if status else "", answers, set(flags[1].split()) if flags else set(), said
    )


def silent(space: Namespace, *words: str, server: str) -> bool:
    """Whether a question has no answer at all."""
    said = space.run(["dig", f"@{server}", "+time=1", "+tries=2", *words], check=False).stdout
    return "status:" not in said


def with_resolv_conf(space: Namespace, path: Path, *command: str) -> str:
    """Run a command in a VM whose resolv.conf is ``path``; the host's stays as it is."""
    script = f"mount --bind {shlex.quote(str(path))} /etc/resolv.conf && exec {shlex.join(command)}"
    return space.run(["sh", "-c", script], check=False).stdout


@contextmanager
def lab_with_resolvers(name: str, *lines: str) -> Iterator[tuple[Lab, dict[str, Resolver]]]:
    """A lab, and for each of its nodes the resolver that it asks.  ``lines``: more of [dns]."""
    address, port = RESOLVER
    settings = {"dns": (f"resolvers = {address}:{port}", "timeout = 1", "tries = 2", *lines)}
    with Lab(name, settings=settings, peer_options="hold-time 3") as lab:
        resolvers = {
            node.name: Resolver(node.space, lab.journal, address, port)
            for node in lab.nodes.values()
        }
        for resolver in resolvers.values():
            resolver.start()
        lab.wait_converged()
        yield lab, resolvers
