"""The Networking API as other people's tests want it: all of tempest's, with a real Keystone.

The longer suites are for ``make conformance``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.conformance.__main__ import SUITES, WORKERS
from lab.conformance.outcome import excluded
from lab.conformance.playbooks import read
from lab.conformance.site import Site
from lab.conformance.stestr import why

pytestmark = pytest.mark.timeout(900)
"""The environments of tempest and of Keystone may have to be made first."""
LEAST = 190
"""Fewer tests than that are run where many leave themselves out: an extension is not listed."""

TOLD = """{0} tempest.api.network.test_ports.PortsTest.test_show_port [1.2s] ... FAILED

Captured traceback:
~~~~~~~~~~~~~~~~~~~
    Traceback (most recent call last):
      File "test_ports.py", line 1, in test_show_port
    tempest.lib.exceptions.BadRequest: Bad request
    Details: {'type': 'HTTPBadRequest', 'message': 'no such thing'}

Captured pythonlogging:
~~~~~~~~~~~~~~~~~~~~~~~
    2026-11-29 INFO something else
{0} tempest.api.network.test_ports.PortsTest.test_list_ports [0.2s] ... ok
"""
REPORT = """<testsuites><testsuite name="a" tests="3">
<testcase name="[localhost] project: Make"/>
<testcase name="[localhost] project: network: made, first time"/>
<testcase name="[localhost] project: port: made, second time">
<failure message="it was changed"/></testcase>
</testsuite></testsuites>"""


def test_tempest(tmp_path: Path) -> None:
    suite = SUITES["tempest"]
    with Site(tmp_path) as site:
        outcome = suite.runner(tmp_path / "tempest", site).run(suite.regex, WORKERS)
        assert not outcome.failed, site.node.log.read_text(errors="replace")[-2000:]
        assert not site.node.logged("Traceback")
    assert outcome.passed >= LEAST


def test_a_test_that_failed_says_why() -> None:
    said = why(TOLD, "tempest.api.network.test_ports.PortsTest.test_show_port[id-12,smoke]")
    assert said == "Details: {'type': 'HTTPBadRequest', 'message': 'no such thing'}"


def test_a_task_of_a_playbook_is_a_test() -> None:
    """Includes of other files are none."""
    outcome = read(REPORT)
    assert outcome.passed == 1
    assert outcome.failed == (("project: port: made, second time", "it was changed"),)


def test_what_is_not_run_has_a_reason() -> None:
    assert all(reason for _, reason in excluded())
