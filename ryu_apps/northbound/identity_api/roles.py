"""``/v3/roles``, and who has which where."""

from __future__ import annotations

from collections.abc import Callable

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.directory import ROLES, Directory, implied
from ryu_apps.identity.directory.errors import missing
from ryu_apps.identity.directory.records import SYSTEM, Assignment
from ryu_apps.northbound.http.call import Call, Parameter, Reply, Route
from ryu_apps.northbound.identity_api import shapes
from ryu_apps.northbound.identity_api.base import TAG, Fields, Part

_FILTERS = tuple(Parameter(name) for name in (
    "user.id", "role.id", "group.id", "scope.project.id", "scope.domain.id", "scope.system",
    "include_names", "effective",
))


class RolesApi(Part):
    def routes(self) -> list[Route]:
        found = [
            Route("GET", "/v3/roles", self.list, "List roles", TAG, None, "RoleList"),
            Route("GET", "/v3/roles/{role_id}", self.show, "Show a role", TAG, None, "RoleItem"),
            Route("GET", "/v3/role_inferences", self.inferences, "Which roles imply which", TAG,
                  None, "RoleInferences"),
            Route("GET", "/v3/role_assignments", self.assignments, "Who has which role where", TAG,
                  None, "RoleAssignments", query=_FILTERS),
        ]
        for place, where in (("/v3/projects/{project_id}", "in a project"),
                             ("/v3/system", "in the whole system")):
            one = f"{place}/users/{{user_id}}/roles/{{role_id}}"
            found += [
                Route("GET", f"{place}/users/{{user_id}}/roles", self.of_user,
                      f"The roles of a user {where}", TAG, None, "RoleList"),
                Route("GET", one, self.check, f"Whether a user has a role {where}", TAG,
                      status=204),
                Route("PUT", one, self.assign, f"Give a user a role {where}", TAG, status=204),
                Route("DELETE", one, self.unassign, f"Take a role {where} from a user", TAG,
                      status=204),
            ]
        return found

    def list(self, call: Call) -> Reply:
        v3 = self._v3(call)
        return self._list(call, "roles", [shapes.role(one, v3) for one in ROLES])

    def show(self, call: Call, role_id: str) -> Reply:
        return Reply(200, {"role": shapes.role(rules.role(role_id), self._v3(call))})

    def inferences(self, call: Call) -> Reply:
        def short(name: str) -> Fields:
            return {"id": name, "name": name, "links": {"self": f"{self._v3(call)}/roles/{name}"}}

        found = [
            {"prior_role": short(one), "implies": [short(two) for two in below]}
            for one in ROLES
            if (below := [two for two in ROLES if two in implied([one]) and two != one])
        ]
        return Reply(200, {"role_inferences": found})

    # ------------------------------------------------------------ of one user in one place

    def of_user(self, call: Call, user_id: str, project_id: str = SYSTEM) -> Reply:
        self._readers_only(call, "identity:list_grants", user_id)

        def look(directory: Directory) -> list[str]:
            _there(directory, user_id, project_id)
            return [one.role for one in directory.assignments(user_id, project_id)]

        v3 = self._v3(call)
        names = self._service.read(look)
        return self._list(call, "roles", [shapes.role(one, v3) for one in ROLES if one in names])

    def check(self, call: Call, user_id: str, role_id: str, project_id: str = SYSTEM) -> Reply:
        self._readers_only(call, "identity:check_grant", user_id)

        def look(directory: Directory) -> bool:
            _there(directory, user_id, project_id)
            found = directory.assignments(user_id, project_id)
            return any(one.role == rules.role(role_id) for one in found)

        if not self._service.read(look):
            raise missing("role assignment", f"role {role_id} of user {user_id}")
        return Reply(204)

    def assign(self, call: Call, user_id: str, role_id: str, project_id: str = SYSTEM) -> Reply:
        self._admins_only(call, "identity:create_grant")
        self._commit(rules.assign(user_id, project_id, role_id))
        return Reply(204)

    def unassign(self, call: Call, user_id: str, role_id: str, project_id: str = SYSTEM) -> Reply:
        self._admins_only(call, "identity:revoke_grant")
        self._commit(rules.unassign(user_id, project_id, role_id))
        return Reply(204)

    # ------------------------------------------------------------ all

    def assignments(self, call: Call) -> Reply:
        query = call.query
        user_id = query.get("user.id", "")
        self._readers_only(call, "identity:list_role_assignments", user_id)
        wanted = _filter(query)
        names, effective = (_given(query, one) for one in ("include_names", "effective"))
        v3 = self._v3(call)

        def look(directory: Directory) -> list[Fields]:
            rows = []
            for one in sorted(directory.assignments(user_id), key=lambda one: one.id):
                if one.actor not in directory.users or (
                    one.target != SYSTEM and one.target not in directory.projects
                ):
                    continue
                held = implied([one.role]) if effective else {one.role}
                rows += [
                    shapes.assignment(one, role, v3, directory.users, directory.projects, names)
                    for role in sorted(held) if wanted(one, role)
                ]
            return rows

        # Its filters are its own: they name what stands deeper in an item.
        return Reply(200, {
            "role_assignments": self._service.read(look),
            "links": {"self": f"{v3}/role_assignments", "previous": None, "next": None},
        })


def _given(query, name: str) -> bool:
    """A flag of a query: it is set by its name alone, or a value that is not false."""
    return name in query and query[name].lower() not in ("0", "false", "no")


def _filter(query) -> Callable[[Assignment, str], bool]:
    project, role = query.get("scope.project.id", ""), query.get("role.id", "")
    system = query.get("scope.system", "")
    nobody = any(query.get(name) for name in ("group.id", "scope.domain.id"))

    def wanted(one: Assignment, name: str) -> bool:
        return (
            not nobody and project in ("", one.target) and role in ("", name)
            and (not system or one.target == SYSTEM)
        )

    return wanted


def _there(directory: Directory, user_id: str, target: str) -> None:
    rules.user(directory, user_id)
    if target != SYSTEM:
        rules.project(directory, target)
