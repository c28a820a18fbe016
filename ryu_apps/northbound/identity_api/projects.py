"""``/v3/projects``, and the one domain that they are in."""

from __future__ import annotations

import uuid

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.errors import missing
from ryu_apps.identity.directory.records import DOMAIN, Project
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.identity_api import bodies, shapes
from ryu_apps.northbound.identity_api.base import TAG, Part

PROJECT_FIELDS = {"name": bodies.name, "description": bodies.description, "enabled": bodies.flag}


class ProjectsApi(Part):
    def routes(self) -> list[Route]:
        one = "/v3/projects/{project_id}"
        return [
            Route("GET", "/v3/projects", self.list, "List projects", TAG, None, "ProjectList"),
            Route("POST", "/v3/projects", self.create, "Create a project", TAG,
                  "ProjectCreateRequest", "ProjectItem", 201),
            Route("GET", one, self.show, "Show a project", TAG, None, "ProjectItem"),
            Route("PATCH", one, self.update, "Change a project", TAG, "ProjectUpdateRequest",
                  "ProjectItem"),
            Route("DELETE", one, self.delete, "Delete a project; what networks it has stay", TAG,
                  status=204),
            Route("GET", "/v3/domains",
                  lambda call: self._list(call, "domains", [shapes.domain(self._v3(call))]),
                  "List domains: one", TAG, None, "DomainList"),
            Route("GET", "/v3/domains/{domain_id}", self.domain, "Show the domain", TAG, None,
                  "DomainItem"),
        ]

    def list(self, call: Call) -> Reply:
        self._readers_only(call, "identity:list_projects")
        found = self._service.read(lambda directory: [*directory.projects.values()])
        v3 = self._v3(call)
        return self._list(
            call, "projects", shapes.sorted_by_name(shapes.project(one, v3) for one in found))

    def show(self, call: Call, project_id: str) -> Reply:
        mine = {one.id for one in self._service.read(
            lambda directory: directory.projects_of(call.principal.user_id))}
        if project_id not in mine:
            self._readers_only(call, "identity:get_project")
        found = self._service.read(lambda directory: rules.project(directory, project_id))
        return self._shown(call, found)

    def create(self, call: Call) -> Reply:
        self._admins_only(call, "identity:create_project")
        given = bodies.read(call, "project", PROJECT_FIELDS)
        bodies.needs(given, "name")
        made = self._commit(rules.create_project(Project(uuid.uuid4().hex, **given)))
        return self._shown(call, made, 201)

    def update(self, call: Call, project_id: str) -> Reply:
        self._admins_only(call, "identity:update_project")
        given = bodies.read(call, "project", PROJECT_FIELDS)
        return self._shown(call, self._commit(rules.update_project(project_id, **given)))

    def delete(self, call: Call, project_id: str) -> Reply:
        self._admins_only(call, "identity:delete_project")
        self._commit(rules.delete_project(project_id))
        return Reply(204)

    def domain(self, call: Call, domain_id: str) -> Reply:
        if domain_id != DOMAIN:
            raise missing("domain", domain_id)
        return Reply(200, {"domain": shapes.domain(self._v3(call))})

    def _shown(self, call: Call, found: Project, status: int = 200) -> Reply:
        return Reply(status, {"project": shapes.project(found, self._v3(call))})
