"""What vnctl says when it cannot do what was asked, and the exit status that goes with it."""

from __future__ import annotations

OK = 0
NEGATIVE = 1
"""It was done and the answer is bad: the node is degraded, the packet was dropped."""
USAGE = 2
"""argparse's."""
REFUSED = 3
"""The node refused, or does not know what was named."""
UNREACHABLE = 4
"""The node, or a hypervisor's command, gave no answer."""


class CliError(Exception):
    """``status``: the exit status."""

    def __init__(self, text: str, status: int = REFUSED) -> None:
        super().__init__(text)
        self.status = status
