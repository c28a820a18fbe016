"""Who may do what with the configuration.

:mod:`principal` is who asks, :mod:`authority` what the policy lets it do, and :mod:`decisions` asks
that of a resource.  Nothing here refuses: rules and the API do.
"""

from ryu_apps.control.config.access.authority import UNLIMITED, Authority, Target
from ryu_apps.control.config.access.decisions import (
    allowed,
    attribute_refused,
    hidden,
    only_visible,
    proposed,
    visible,
)
from ryu_apps.control.config.access.principal import ADMINISTRATOR, Principal, roles_up_to
from ryu_apps.control.config.access.sharing import is_way_out, seems_shared, shared_with

__all__ = [
    "ADMINISTRATOR", "UNLIMITED", "Authority", "Principal", "Target", "allowed",
    "attribute_refused", "hidden", "is_way_out", "only_visible", "proposed", "roles_up_to",
    "seems_shared", "shared_with", "visible",
]
