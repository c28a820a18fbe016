"""When two versions of a resource mean the same to the switches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control.config.model import Network, Port, SecurityGroupRule, means_the_same

NETWORK = Network("n", 1000, 1, name="n")
PORT = Port("p", "n", "fa:16:3e:00:00:01")


@pytest.mark.parametrize("old,fields", [
    (NETWORK, {"name": "m"}), (NETWORK, {"revision_number": 9, "updated_at": "now"}),
    (PORT, {"tags": ("t",), "description": "d"}),
    (SecurityGroupRule("r", "g", "ingress"), {"description": "d"}),
])
def test_what_is_only_shown_changes_nothing(old, fields):
    assert means_the_same(old, replace(old, **fields))


@pytest.mark.parametrize("old,fields", [
    (NETWORK, {"mtu": 1400}), (NETWORK, {"project_id": "p"}), (NETWORK, {"vni": 7, "name": "m"}),
    (PORT, {"admin_state_up": False}), (PORT, {"dns_name": "vm"}),
    (SecurityGroupRule("r", "g", "ingress"), {"protocol": "tcp", "description": "d"}),
])
def test_all_else_counts(old, fields):
    assert not means_the_same(old, replace(old, **fields))
    assert not means_the_same(old, None) and not means_the_same(None, old)
    assert means_the_same(None, None)
