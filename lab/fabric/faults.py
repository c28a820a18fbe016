"""Links of a fabric that can be cut, or made to lose packets in one direction or both.

Every link has an end at a switch of the lab's.  Faults are made there: what reads its device raw,
as Open vSwitch does, would see past those made at its own end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.net import Namespace


@dataclass
class Link:
    """``switch``, ``other``: the hosts at its ends; ``device``: the switch's end in ``space``.

    ``loss``: host -> percent of the packets toward it that are lost at present.
    """

    switch: str
    other: str
    space: Namespace
    device: str
    is_cut: bool = False
    loss: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.other}-{self.switch}"

    def cut(self) -> None:
        """Both ends lose their carrier."""
        self.space.batch([f"link set {self.device} down"])
        self.is_cut = True

    def lose(self, percent: float, toward: str | None = None) -> None:
        """Lose ``percent`` of what goes toward that end, or both, at random; 100: all of it, while
        both ends keep their carrier.  Raises ValueError."""
        if not 0 <= percent <= 100:
            raise ValueError(f"{percent} percent: 0 to 100")
        ends = (self.switch, self.other)
        if toward is not None and toward not in ends:
            raise ValueError(f"{self.name} has no end {toward!r}: {' or '.join(ends)}")
        self.loss.update({end: percent for end in ends if toward in (None, end)})
        self._apply()

    def mend(self) -> None:
        """Undo all of that; nothing happens to a link that is whole."""
        self.loss.clear()
        self._apply()
        if self.is_cut:
            self.space.batch([f"link set {self.device} up"])
            self.is_cut = False

    @property
    def is_whole(self) -> bool:
        return not self.is_cut and not any(self.loss.values())

    def _apply(self) -> None:
        """The rules for :attr:`loss`, in place of those there are: one transaction of nft(8)."""
        table = f"netdev loss-{self.device}"
        # Declared first, as what is not there cannot be deleted.
        text = f"table {table} {{}}\ndelete table {table}\n"
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} device \"{self.device}\" priority 0; "
            f"{_match(self.loss[end])}drop; }}\n"
            for end, hook in ((self.switch, "ingress"), (self.other, "egress"))
            if self.loss.get(end)
        )
        if chains:
            text += f"table {table} {{\n{chains}}}\n"
        self.space.run(["nft", "-f", "-"], stdin=text)


def _match(percent: float) -> str:
    return "" if percent == 100 else f"numgen random mod 10000 < {round(percent * 100)} "
