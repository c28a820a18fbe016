"""Requests that schemathesis makes of a node's /openapi.json, what they name, and the answers.

A request as it is made names things that there are not.  Some of the ids in it are changed to ones
that there are (:mod:`.schema_aims`), so that something comes of it.
"""

from __future__ import annotations

import collections
import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as specific

from ryu_apps.northbound.http.call import LINES

from .schema_aims import aim, required_fields
from .schema_site import ROLES, SOURCE, Role, Site

MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
_TURNS = (GenerationMode.POSITIVE, None, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
"""What requests are made of, in turn: right ones at random, systematic ones, wrong ones."""
_STAY = ("/v2.0/quotas/{id}", "/v2.0/auto-allocated-topology/{project_id}")
"""What there is also after it was deleted: as it is by itself."""
_FORM = re.compile(r"Failed to parse request|Unrecognized attribute|Reason: \w+ should|"
                   r"is not a valid UUID|is not an integer|leave it out|is not in \[")
"""How the reading of a body refuses it; what comes after it looks at what there is."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    specific.status_code_conformance,
    specific.content_type_conformance,
    specific.response_headers_conformance,
    specific.response_schema_conformance,
    specific.negative_data_rejection,
    specific.missing_required_header,
    specific.unsupported_method,
    specific.allow_header_conformance,
]


@schemathesis.serializer(LINES)
def _lines(context: Any, value: Any) -> bytes:
    return (value if type(value) is str else json.dumps(value)).encode()


@schemathesis.deserializer(LINES)
def _text(context: Any, response: Any) -> str:
    return response.content.decode()


def config() -> SchemathesisConfig:
    """501, 502 and 503 are documented answers; what is not documented, 500 among them, fails."""
    return SchemathesisConfig.from_dict({
        "generation": {"with-security-parameters": False},
        "checks": {"not_a_server_error": {
            "expected-statuses": ["2xx", "3xx", "4xx", "501", "502", "503"]}},
    })


class Run:
    """Requests of one role to a site of its own.  ``faults``: what was found, by operation and
    kind, with one example of each."""

    def __init__(self, site: Site, role: Role) -> None:
        self.site, self.role = site, role
        self.schema = schemathesis.openapi.from_wsgi(
            "/openapi.json", site.application, config=config())
        self.operations = [found.ok() for found in self.schema.get_all_operations()]
        self.statuses: collections.Counter[int] = collections.Counter()
        self.done: set[str] = set()
        """Operations that succeeded."""
        self.looked = 0
        """How often it was looked what had become of a request."""
        self.faults: dict[tuple[str, str], str] = {}
        self._token = site.token(role)
        self._required = required_fields(self.schema)

    # ------------------------------------------------------------ requests

    def make(self, requests: int) -> None:
        """About so many requests, spread over all operations and over what they are made of; which
        is which differs by role."""
        turn = [role.name for role in ROLES].index(self.role.name)
        count = len(self.operations)
        for at, operation in enumerate(self.operations):
            at = (at + turn * 37) % count
            many = requests * (at + 1) // count - requests * at // count
            kinds = collections.Counter(_TURNS[(at + turn + one) % 4] for one in range(many))
            for kind, number in kinds.items():
                if kind is None:
                    self.cover(operation, number)
                else:
                    self.fuzz(operation, kind, number)

    def fuzz(self, operation: Any, mode: GenerationMode, count: int) -> None:
        """So many random requests; none that are wrong of an operation of which nothing can be."""
        if mode.is_negative and not (operation.body or operation.query or operation.headers):
            mode = GenerationMode.POSITIVE

        @settings(max_examples=count, database=None, derandomize=True, deadline=None,
                  phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode),
               source=st.randoms(use_true_random=False))
        def send(case: Any, source: random.Random) -> None:
            aim(case, self.site, source, self._required)
            self.send(case)

        send()

    def cover(self, operation: Any, count: int) -> None:
        """So many of the systematic ones: each bound of a schema, each field left out, methods that
        there are not."""
        source = random.Random(f"{self.role.name} {operation.label}")
        found = list(self._systematic(operation))
        for case in source.sample(found, min(count, len(found))):
            aim(case, self.site, source, self._required)
            self.send(case)

    def _systematic(self, operation: Any) -> Iterator[Any]:
        return self.schema.iter_coverage_cases(
            operation, generation_modes=list(MODES),
            generation_config=self.schema.config.generation_for(
                operation=operation, phase="coverage"))

    def send(self, case: Any) -> None:
        headers = {"X-Auth-Token": self._token} if self._token else {}
        if "X-Subject-Token" in (case.headers or {}) and case.meta.generation.mode.is_positive:
            case.headers["X-Subject-Token"] = self.site.subject
        response = case.call(headers=headers, environ_base={"REMOTE_ADDR": SOURCE})
        self.statuses[response.status_code] += 1
        if response.status_code < 300:
            self.done.add(case.operation.label)
        if response.status_code == 401 and self.role.login is not None:
            self._token = self.site.token(self.role)  # it was given back, or its keys are gone
        self._judge(case, response, headers)
        if response.status_code in (201, 204):
            self._look_again(case, response)

    # ------------------------------------------------------------ answers

    def _judge(self, case: Any, response: Any, headers: dict[str, str]) -> None:
        try:
            case.validate_response(
                response, checks=CHECKS, headers=headers,
                excluded_checks=[] if self.role.login else [specific.unsupported_method])
        except FailureGroup as group:
            for failure in group.exceptions:
                self._fault(case, response, type(failure).__name__, str(failure))
        if response.status_code == 400 and case.meta.generation.mode.is_positive:
            text = response.content.decode()
            if _FORM.search(text):
                self._fault(case, response, "RefusedForItsForm", text)
        if self.role.login is None and response.status_code != 401:
            public = case.operation.definition.raw.get("security") == []
            if not public and response.status_code != 405:
                self._fault(case, response, "AnsweredToNobody", "")

    def _look_again(self, case: Any, response: Any) -> None:
        """What was made is there, and what was deleted is not."""
        path = case.operation.path
        if case.method == "POST" and "get" in self._methods(f"{path}/{{id}}"):
            made = [one for one in response.json().values() if type(one) is dict]
            wanted, paths = 200, [f"{case.formatted_path}/{quote(one['id'])}" for one in made]
        elif case.method == "DELETE" and path.endswith(("{id}", "_id}")) and (
            "get" in self._methods(path) and path not in _STAY
        ):
            wanted, paths = 404, [case.formatted_path]
        else:
            return
        for one in paths:
            answer = self.site.ask("GET", one, token=self._token)
            self.looked += 1
            if answer.status_int != wanted:
                self._fault(case, response, f"Not{wanted}", f"GET {one}: {answer.text:.500}")

    def _methods(self, path: str) -> Any:
        return self.schema.raw_schema["paths"].get(path, ())

    def _fault(self, case: Any, response: Any, kind: str, text: str) -> None:
        body = response.content.decode(errors="replace")[:600]
        self.faults.setdefault(
            (case.operation.label, kind),
            f"{self.role.name}: {case.operation.label}: {kind}\n{text[:1500]}\n"
            f"{case.method} {case.formatted_path} query {case.query!r:.500} headers "
            f"{dict(case.headers or {})!r:.300} body {case.body!r:.1500}\n"
            f"-> {response.status_code} {body}",
        )
