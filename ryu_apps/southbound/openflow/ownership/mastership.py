"""This node's role on one connection: MASTER where it is the element's owner, else SLAVE.

MASTER is asked for with the owner's epoch as generation id, and only when it is sure that no later
owner is known to the element: the switch itself has seen this epoch, or the element's database has
confirmed it since the connection began.  Otherwise a node that was paused could take a switch that
has just started, and remembers nothing, with an epoch of the past.

Between the confirmation and the switch's answer the node may still be paused: then it can become
MASTER of a switch that started meanwhile and that the later owner has not reached yet.  It ends
when that one does, which compares all that is there with what should be.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ryu_apps.southbound.openflow.connection import ERROR, OpenFlowConnection
from vrouter_ovs.wire.errors import decode_error
from vrouter_ovs.wire.roles import (
    EQUAL,
    MASTER,
    NO_CHANGE,
    ROLE_NAMES,
    SLAVE,
    STALE,
    decode_role,
    role_request,
)

LOG = logging.getLogger("vnc.openflow")


class Mastership:
    """``may_write``: the switch takes changes from this connection; any thread may look.  ``lost``
    is called with the generation id of a later owner.  ``confirm``: asks the database for an epoch;
    :meth:`confirmed` is to be called then.  ``answer_timeout``: seconds that the switch has for an
    answer.  The channel's worker owns it."""

    def __init__(
        self, connection: OpenFlowConnection, confirm: Callable[[int], None],
        lost: Callable[[int], None], answer_timeout: float,
    ) -> None:
        self._answer_timeout = answer_timeout
        self._deadline = 0.0
        self._connection = connection
        self._confirm = confirm
        self._lost = lost
        self.may_write = False
        self.xid = 0
        """Of the request under way; 0: none is."""
        self._epoch: int | None = None
        self._role = EQUAL
        self._generation: int | None = None
        """What the switch last said; None: it has to be asked."""
        self._confirmed: int | None = None
        self._is_lost = False
        self._unsupported = False

    @property
    def role(self) -> str:
        """ "master", "slave" or "equal"; "" where no role was asked for."""
        return ROLE_NAMES.get(self._role, "") if self._epoch != 0 else ""

    @property
    def is_slave(self) -> bool:
        """Whether the switch has confirmed that it takes nothing from this connection."""
        return self._role == SLAVE or self._unsupported

    def overdue(self, now: float) -> str:
        """Why the connection is no good any more, or ""."""
        return "no answer to a role request" if self.xid and now > self._deadline else ""

    def seek(self, epoch: int | None) -> None:
        """Be the switch's owner with this epoch (0: nobody else is, no roles); None: stand by."""
        if epoch == self._epoch and not self._is_lost:
            return
        self._epoch, self._is_lost = epoch, False
        self.may_write = False
        if epoch:
            self._confirm(epoch)
        self._advance()

    def begin(self, epoch: int | None) -> None:
        """The connection is new."""
        self._epoch = epoch
        if epoch:
            self._confirm(epoch)
        self._advance()

    def confirmed(self, epoch: int) -> None:
        """The database had this epoch, in a transaction that began after it was asked for."""
        self._confirmed = epoch
        self._advance()

    def doubt(self) -> None:
        """The switch has refused a message because the connection is SLAVE."""
        self.may_write = False
        self._generation = None
        self._advance()

    def reply(self, kind: int, message: bytes) -> None:
        """The answer to the request under way.  Raises ValueError for a malformed one."""
        self.xid = 0
        if kind != ERROR:
            self._role, self._generation = decode_role(message)
        elif decode_error(message)[1:3] == STALE:
            self._generation = None
        else:
            self._unsupported = True
            LOG.warning("vrouter %s: the switch knows no roles (%s): only its database can tell "
                        "that it has another owner", self._connection.element,
                        decode_error(message)[3])
        self._advance()

    def status(self, message: bytes) -> None:
        """The switch says that the role is another now.  Raises ValueError for a malformed one."""
        if self._epoch == 0:
            return
        self._role, self._generation = decode_role(message)
        if self._role == SLAVE and self.may_write:
            self._lose(self._generation)
        self._advance()

    def _lose(self, generation: int) -> None:
        self.may_write = False
        self._is_lost = True
        self._lost(generation)

    def _advance(self) -> None:
        """Ask for the role that should be, one request at a time."""
        epoch, generation = self._epoch, self._generation
        if self.xid:
            return
        if epoch == 0:
            self.may_write = self._role == EQUAL
            if not self.may_write:
                self._ask(EQUAL, 0)
        elif self._unsupported:
            self.may_write = epoch is not None and self._confirmed == epoch
        elif generation is None:
            self._ask(NO_CHANGE, 0)
        elif epoch is None or self._is_lost:
            self._be_slave(generation)
        elif generation > epoch:
            self._lose(generation)
            self._be_slave(generation)
        elif generation < epoch and self._confirmed != epoch:
            self._be_slave(generation)
        elif self._role != MASTER or generation != epoch:
            self._ask(MASTER, epoch)
        else:
            self.may_write = True

    def _be_slave(self, generation: int) -> None:
        self.may_write = False
        if self._role != SLAVE:
            self._ask(SLAVE, generation)

    def _ask(self, role: int, generation: int) -> None:
        self.xid = self._connection.next_xid()
        self._deadline = time.monotonic() + self._answer_timeout
        self._connection.send(role_request(role, generation, self.xid))
