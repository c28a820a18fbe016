"""``/v3/users``: who there is, and their passwords."""

from __future__ import annotations

import uuid

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.errors import IdentityError, forbidden
from ryu_apps.identity.directory.records import User
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.identity_api import bodies, shapes
from ryu_apps.northbound.identity_api.base import TAG, Fields, Part

USER_FIELDS = {
    "name": bodies.name, "description": bodies.description, "email": bodies.email,
    "enabled": bodies.flag, "default_project_id": bodies.id, "password": bodies.password,
}
PASSWORD_FIELDS = {"password": bodies.password, "original_password": bodies.password}


class UsersApi(Part):
    def routes(self) -> list[Route]:
        one = "/v3/users/{user_id}"
        return [
            Route("GET", "/v3/users", self.list, "List users", TAG, None, "UserList"),
            Route("POST", "/v3/users", self.create, "Create a user", TAG, "UserCreateRequest",
                  "UserItem", 201, refusals=(429,)),
            Route("GET", one, self.show, "Show a user", TAG, None, "UserItem"),
            Route("PATCH", one, self.update, "Change a user", TAG, "UserUpdateRequest",
                  "UserItem", refusals=(429,)),
            Route("DELETE", one, self.delete, "Delete a user", TAG, status=204),
            Route("POST", f"{one}/password", self.password, "Change one's own password", TAG,
                  "PasswordRequest", status=204, refusals=(429,)),
            Route("GET", f"{one}/projects", self.projects, "Where a user has a role", TAG, None,
                  "ProjectList"),
            Route("GET", f"{one}/groups", self.groups, "Groups of a user: there are none", TAG,
                  None, "GroupList"),
        ]

    def list(self, call: Call) -> Reply:
        self._readers_only(call, "identity:list_users")
        found = self._service.read(lambda directory: [*directory.users.values()])
        v3 = self._v3(call)
        return self._list(
            call, "users", shapes.sorted_by_name(shapes.user(one, v3) for one in found))

    def show(self, call: Call, user_id: str) -> Reply:
        self._readers_only(call, "identity:get_user", user_id)
        return self._shown(
            call, self._service.read(lambda directory: rules.user(directory, user_id)))

    def create(self, call: Call) -> Reply:
        self._admins_only(call, "identity:create_user")
        given = bodies.read(call, "user", USER_FIELDS)
        bodies.needs(given, "name")
        hash = self._hash(given)
        self._known_project(given)
        made = self._commit(rules.create_user(User(uuid.uuid4().hex, **given), hash))
        return self._shown(call, made, 201)

    def update(self, call: Call, user_id: str) -> Reply:
        self._admins_only(call, "identity:update_user")
        given = bodies.read(call, "user", USER_FIELDS)
        self._service.read(lambda directory: rules.user(directory, user_id))
        hash = self._hash(given)
        self._known_project(given)
        return self._shown(call, self._commit(rules.update_user(user_id, hash, **given)))

    def delete(self, call: Call, user_id: str) -> Reply:
        self._admins_only(call, "identity:delete_user")
        self._commit(rules.delete_user(user_id))
        return Reply(204)

    def password(self, call: Call, user_id: str) -> Reply:
        context = self._context(call)
        if context.user.id != user_id or context.credential is not None:
            raise forbidden("identity:change_password")
        given = bodies.read(call, "user", PASSWORD_FIELDS)
        original, password = (bodies.needs(given, one) for one in ("original_password", "password"))
        if not password:
            raise IdentityError(400, "The new password is empty.")
        known = self._service.logins.prove(user_id, original, self._source(call))
        hash = self._service.hash(password)
        self._commit(rules.change_password(user_id, known, hash))
        return Reply(204)

    def projects(self, call: Call, user_id: str) -> Reply:
        self._readers_only(call, "identity:list_user_projects", user_id)

        def look(directory):
            rules.user(directory, user_id)
            return directory.projects_of(user_id)

        v3 = self._v3(call)
        return self._list(
            call, "projects", [shapes.project(one, v3) for one in self._service.read(look)])

    def groups(self, call: Call, user_id: str) -> Reply:
        self._readers_only(call, "identity:list_groups_for_user", user_id)
        self._service.read(lambda directory: rules.user(directory, user_id))
        return self._list(call, "groups", [])

    # ------------------------------------------------------------ common

    def _hash(self, given: Fields) -> str:
        """Of the password in a body, which has it no more; "" of none."""
        password = given.pop("password", "")
        return self._service.hash(password) if password else ""

    def _known_project(self, given: Fields) -> None:
        if given.get("default_project_id"):
            self._service.read(
                lambda directory: rules.project(directory, given["default_project_id"]))

    def _shown(self, call: Call, found: User, status: int = 200) -> Reply:
        return Reply(status, {"user": shapes.user(found, self._v3(call))})
