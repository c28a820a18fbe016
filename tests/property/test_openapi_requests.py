"""Random and systematic requests made of /openapi.json by schemathesis, for each role: every answer
is one that the document says.

Of schemathesis's checks these are left out:

- ``positive_data_acceptance``: whether a subnet overlaps another one, or an address is of its
  network, is not in a schema.  In its place: no request that is right by the schema is refused by
  the reading of its body.
- ``ignored_auth``: clients without a token, and with a wrong one, are roles of their own here.
- ``use_after_free``, ``ensure_resource_availability``: the ids of requests are replaced by those of
  what there is, so that which request made what is not known to schemathesis.  In their place: what
  was created is looked at, and so is what was deleted.
- ``unsupported_method``, of clients without a login alone: who asks is looked at before anything
  else, also where some methods of a path are everybody's (docs/api.md, "Authentication").
- ``max_response_time``: no test has a threshold of time.
"""

from __future__ import annotations

import os

import pytest

from .schema_requests import Run
from .schema_site import ROLES, Role, Site

REQUESTS = int(os.environ.get("VNC_SCHEMA_REQUESTS", "1300"))
"""Of all roles together; `make soak` makes 10,000."""
_WEIGHT = {"nobody": 1, "wrong token": 1}
"""Who is answered 401 alone is not asked as often as the others, who have 4 each."""
_WEIGHTS = [_WEIGHT.get(role.name, 4) for role in ROLES]


@pytest.mark.parametrize("role", ROLES, ids=[role.name.replace(" ", "_") for role in ROLES])
def test_answers_are_as_documented(role: Role) -> None:
    site = Site()
    try:
        run = Run(site, role)
        run.make(-(-REQUESTS * _WEIGHTS[ROLES.index(role)] // sum(_WEIGHTS)))
    finally:
        site.close()
    print(f"{role.name}: {run.statuses.total()} requests, "
          f"{len(run.done)} of {len(run.operations)} operations succeeded, "
          f"{run.looked} looked at again; " + ", ".join(
              f"{status}: {count}" for status, count in sorted(run.statuses.items())))
    assert not run.faults, "\n\n".join(run.faults.values())
    done = sum(count for status, count in run.statuses.items() if status < 300)
    if role.login is not None:
        assert done * 8 > run.statuses.total(), "too few requests succeed to mean anything"
