"""Ansible's modules of the collection openstack.cloud, by the playbooks beside this file.

A playbook asks for each resource twice, and removes it twice: its tasks fail where the first time
changes nothing, or the second something.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

from lab import python_environment
from lab.conformance.outcome import Outcome
from lab.conformance.site import Site, environment

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements-ansible.txt"
PLAYBOOKS = HERE / "ansible"
COLLECTION, PLACE = "ansible==12.3.0", "ansible_collections/openstack/cloud/"
"""The distribution that the collection comes in, and where in it."""


class Playbooks:
    """``directory``: for what the tasks say."""

    def __init__(self, directory: Path, site: Site) -> None:
        directory.mkdir(exist_ok=True)
        self._python = python_environment.python("conformance-ansible", REQUIREMENTS)
        collections = python_environment.part_of_wheel(self._python, COLLECTION, PLACE)
        self._said = directory / "said"
        self._environment = {
            **environment(), "OS_CLIENT_CONFIG_FILE": str(site.clouds), "LC_ALL": "C.UTF-8",
            "HOME": str(directory), "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_PYTHON_INTERPRETER": str(self._python), "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACKS_ENABLED": "junit", "JUNIT_OUTPUT_DIR": str(self._said),
            "JUNIT_HIDE_TASK_ARGUMENTS": "1",
        }

    def run(self, regex: str, workers: int) -> Outcome:
        """Run the playbooks whose names match, one after the other: a task is a test."""
        passed, skipped, failed = 0, 0, []
        for book in sorted(PLAYBOOKS.glob("*.yaml")):
            if re.search(regex, book.stem):
                outcome = self._run(book)
                passed, skipped = passed + outcome.passed, skipped + outcome.skipped
                failed += outcome.failed
        return Outcome(passed, skipped, tuple(failed))

    def _run(self, book: Path) -> Outcome:
        for earlier in self._said.glob("*.xml"):
            earlier.unlink()
        done = subprocess.run(
            [str(self._python.with_name("ansible-playbook")), "--inventory", "localhost,",
             "--connection", "local", str(book)],
            env=self._environment, cwd=PLAYBOOKS, capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )
        said = list(self._said.glob("*.xml"))
        if not said:
            raise subprocess.CalledProcessError(
                done.returncode, done.args, done.stdout[-4000:], done.stderr[-4000:])
        return read(said[0].read_text())


def read(report: str) -> Outcome:
    """A report in JUnit's XML.  Its names are "[HOST] BOOK: MODULE: what is done"; those without a
    module include other files, and are no tests."""
    passed, skipped, failed = 0, 0, []
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = case.get("name", "").partition("] ")[2]
        problems = [one for kind in ("failure", "error") if (one := case.find(kind)) is not None]
        if problems:
            said = problems[0].get("message") or problems[0].text or ""
            failed.append((name, " ".join(said.split())[:300] or "it said nothing"))
        elif case.find("skipped") is not None:
            skipped += 1
        elif name.count(": ") > 1:
            passed += 1
    return Outcome(passed, skipped, tuple(failed))
