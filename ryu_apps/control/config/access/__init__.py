"""Who may do what with the configuration: pure predicates over what the kinds declare.

:mod:`principal` is who asks, :mod:`decisions` whether they may.  Nothing here refuses: rules and
the API do.
"""

from ryu_apps.control.config.access.decisions import (
    allowed,
    attribute_refused,
    hidden,
    only_visible,
    proposed,
    visible,
)
from ryu_apps.control.config.access.principal import ADMINISTRATOR, Principal, roles_up_to

__all__ = [
    "ADMINISTRATOR", "Principal", "allowed", "attribute_refused", "hidden", "only_visible",
    "proposed", "roles_up_to", "visible",
]
