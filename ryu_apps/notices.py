"""What the control core wants an operator to read goes to the log."""

from __future__ import annotations

import logging

from ryu_apps.control.messages import Notice, Subscriptions

LOG = logging.getLogger(__name__)
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Notices:
    """A part of the node, without a thread."""

    def subscriptions(self) -> Subscriptions:
        return {Notice: self.log}

    @staticmethod
    def log(effect: Notice) -> None:
        LOG.log(LEVELS[effect.level], "%s: %s", effect.subject, effect.text)
