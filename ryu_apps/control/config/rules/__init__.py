"""What a request may do to the configuration: validation and planning, pure.

A rule takes a :class:`~ryu_apps.control.config.rules.draft.Draft` of the configuration, the body of
the request (already checked for its types, keyed by the model's field names) and a
:class:`~ryu_apps.control.config.rules.draft.Context`; it puts what follows into the draft, or
raises :class:`~ryu_apps.control.config.rules.draft.RuleError` with the error of the Networking API.
"""

from ryu_apps.control.config.rules.draft import Context, Draft, RuleError

__all__ = ["Context", "Draft", "RuleError"]
