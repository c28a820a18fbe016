"""The ``openstack`` command, run against the API."""

from __future__ import annotations

import contextlib
import io
import json

from openstackclient.shell import OpenStackShell

from tests.unit.northbound.api_client import Node


def run(node: Node, *words: str, ok: bool = True) -> str:
    """The same program without a new interpreter for each command."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = OpenStackShell().run(
            ["--os-auth-type", "none", "--os-endpoint", node.url, *words]
        )
    assert (code == 0) is ok, (words, out.getvalue(), errors.getvalue())
    return out.getvalue() if ok else errors.getvalue()


def read(node: Node, *words: str):
    return json.loads(run(node, *words, "-f", "json"))
