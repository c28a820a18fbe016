"""The client of a node, by what the command line and the environment say."""

from __future__ import annotations

import argparse
import os

from ryu_apps.cli.client import DEFAULT_URL, TIMEOUT, Client
from ryu_apps.cli.login.session import Login


def connect(options: argparse.Namespace, timeout: float = TIMEOUT) -> Client:
    """Nobody is asked yet.  Raises CliError."""

    def given(name: str, variable: str) -> str:
        return getattr(options, name, None) or os.environ.get(variable, "")

    ca, cert, key = (given(name, f"VNCTL_{name.upper()}") for name in ("ca", "cert", "key"))
    client = Client(given("url", "VNCTL_URL") or DEFAULT_URL, ca or None, timeout, cert or None,
                    key or None)
    client.login = Login(client.url, getattr(options, "os_cloud", None) or "", ca,
                         (cert, key) if cert and key else cert or None, timeout)
    return client
