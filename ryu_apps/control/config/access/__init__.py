"""Who may do what with the configuration: one declared table, pure predicates.

:mod:`principal` is who asks, :mod:`relations` what one has to do with a resource, :mod:`table` what
each action and attribute needs.  Nothing here refuses: rules and the API do.
"""

from ryu_apps.control.config.access.principal import ADMINISTRATOR, Principal
from ryu_apps.control.config.access.table import Wanted, allowed, attribute_refused, hidden, visible

__all__ = [
    "ADMINISTRATOR", "Principal", "Wanted", "allowed", "attribute_refused", "hidden", "visible",
]
