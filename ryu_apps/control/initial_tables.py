"""Which peers have this node's table, and which wait for it.

A node that was paused or cut off knows what was; its hypervisors may be another's by now.  Before
its table goes to a peer it therefore reads the store to where that is now, and withdraws what it
has to let go by that.
"""

from __future__ import annotations

from ryu_apps.control import messages as msg


class InitialTables:
    """Emits: CatchUp and SendTable, returned by :meth:`flush`."""

    def __init__(self) -> None:
        self.out: set[str] = set()
        """Peers with a session that were sent the table: they hear what changes."""
        self._waiting: dict[str, tuple[int, int]] = {}
        """Peers with a session that were not -> its number, and the token that they wait for."""
        self._due: dict[str, int] = {}
        """Those for whom the store was read -> the number of the session."""
        self._token = 0
        self._asked = 0

    def session_up(self, peer: str, session: int) -> None:
        """A session begins; its peer has nothing of this node."""
        self.session_down(peer)
        if self._token == self._asked:
            self._token += 1  # else the read that is about to be asked for serves this peer too
        self._waiting[peer] = session, self._token

    def session_down(self, peer: str) -> None:
        """A session ended."""
        self.out.discard(peer)
        self._waiting.pop(peer, None)
        self._due.pop(peer, None)

    def caught_up(self, token: int) -> None:
        """What the store had when this was asked for is known."""
        for peer, (session, needed) in list(self._waiting.items()):
            if needed <= token:
                del self._waiting[peer]
                self._due[peer] = session

    def flush(self) -> list[msg.CatchUp | msg.SendTable]:
        """What is to be done since the last flush, after all that was withdrawn and announced."""
        effects: list[msg.CatchUp | msg.SendTable] = [
            msg.SendTable(peer, session) for peer, session in self._due.items()
        ]
        self.out.update(self._due)
        self._due.clear()
        if self._token != self._asked:
            self._asked = self._token
            effects.append(msg.CatchUp(self._token))
        return effects
