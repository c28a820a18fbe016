"""``/v2.0/auto-allocated-topology/<project>``: a network, its subnets and a router to the outside,
made for a project at its first request.

No external network of this version is the default one (``is_default``), so that there is nothing to
connect such a topology to: every request is told so, and what else is missing, and nothing is made.
"""

from __future__ import annotations

from ryu_apps.control.config import access
from ryu_apps.control.config.config import Config
from ryu_apps.identity.defaults import AUTO_TOPOLOGY, DELETE_AUTO_TOPOLOGY
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing import parameters


class AutoTopology:
    def __init__(self, environment: Environment):
        self._env = environment

    def routes(self) -> list[Route]:
        path, tag = "/v2.0/auto-allocated-topology/{project_id}", "auto-allocated-topology"
        return [
            Route("GET", path, self.show, "Make a project's topology; with fields=dry-run, check "
                  "what that needs", tag, None, "Record", query=(parameters.FIELDS,),
                  refusals=(403, 409)),
            Route("DELETE", path, self.delete, "Delete a project's topology", tag, status=204),
        ]

    def show(self, call: Call, project_id: str) -> Reply:
        """Always refused; 409 says what is missing."""
        _allowed(call, AUTO_TOPOLOGY, project_id)
        fields = {part for text in call.query.getall("fields") for part in text.split(",") if part}
        if fields - {"dry-run"}:
            raise ApiError(400, "BadRequest", "Bad auto_allocate request: Unrecognized field.")
        authority = call.authority

        def pools(config: Config) -> bool:
            return any(
                access.visible(config, authority, "subnetpool", config.subnetpools[id])
                for ids in config.default_subnetpools.values() for id in ids
            )

        missing = ["No default router:external network (is_default of networks is not served)"]
        if not self._env.configuration.read(pools):
            missing.append("No default subnetpools defined")
        raise ApiError(409, "AutoAllocationFailure", f"Deployment error: {'; '.join(missing)}.")

    def delete(self, call: Call, project_id: str) -> Reply:
        """There is none, and so nothing to do, as in Neutron."""
        _allowed(call, DELETE_AUTO_TOPOLOGY, project_id)
        return Reply(204)


def _allowed(call: Call, rule: str, project_id: str) -> None:
    """Raises ApiError 403 for another project's.  "None": clients that know of none."""
    authority = call.authority
    project = authority.project_id if project_id == "None" else project_id
    # Policies look at the project alone.
    if not authority.may(rule, access.Target("network", project)):
        raise ApiError(
            403, "PolicyNotAuthorized", f"rule:{rule} is disallowed by policy: it is another "
            "project's.",
        )
