"""A configuration that requests are tried on, as the API asks for them."""

from __future__ import annotations

import itertools
import random

import pytest

from lab.beds.option_values import rules_context
from ryu_apps.control.config.access import ADMINISTRATOR, Authority, Principal
from ryu_apps.control.config.ipam import AllocatingConfig
from ryu_apps.control.config.rules import Draft, RuleError
from tests.unit.authorities import authority


class Bench:
    """A configuration that requests are applied to."""

    def __init__(self, **context):
        self.config = AllocatingConfig()
        ids = (f"id{number}" for number in itertools.count())
        self.context = rules_context("2026-01-31T12:00:00Z", lambda: next(ids), random.Random(7),
                               **context)

    @property
    def who(self) -> Authority:
        project = self.context.project_id
        return authority(Principal(project) if project else ADMINISTRATOR)

    def do(self, rule, *arguments, **body):
        with Draft(self.config, self.who) as draft:
            result = rule(draft, *arguments, body, self.context)
            changes = draft.changes()
        for change in changes:
            self.config.apply(change)
        return result

    def drop(self, rule, id):
        with Draft(self.config, self.who) as draft:
            rule(draft, id, self.context)
            changes = draft.changes()
        for change in changes:
            self.config.apply(change)

    def refused(self, type, status, rule, *arguments, **body):
        before = {kind: dict(table) for kind, table in self.config.tables.items()}
        with pytest.raises(RuleError) as caught:
            self.do(rule, *arguments, **body)
        assert (caught.value.type, caught.value.status) == (type, status), caught.value.message
        assert {kind: dict(table) for kind, table in self.config.tables.items()} == before
        return caught.value.message

    def refused_drop(self, type, rule, id):
        with pytest.raises(RuleError) as caught:
            self.drop(rule, id)
        assert (caught.value.type, caught.value.status) == (type, 409)
