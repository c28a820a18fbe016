"""What a VM can send in the name of others, and what it may send: rows of frames with marks.

Each frame carries a mark of its own, so whoever listens knows which frames reached it.  A row is
built for one :class:`Aim`; ``good`` marks must arrive there, ``bad`` marks nowhere.  ``late`` ones
are in later fragments of a packet whose first fragment is refused: a switch that keeps no fragments
cannot tell them from others, and nobody can make anything of them.
"""

from __future__ import annotations

from lab.spoofing import forged, headers, servers
from lab.spoofing.aim import MARK, MARK_SIZE, Aim, Party, Row

ROWS: dict[str, Row] = {**forged.ROWS, **servers.ROWS, **headers.ROWS}

__all__ = ["MARK", "MARK_SIZE", "ROWS", "Aim", "Party"]
