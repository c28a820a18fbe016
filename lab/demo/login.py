"""The demo's users: a node with TLS and users of its own, and two tenants who log in there with
clouds.yaml, as any client of OpenStack does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab.beds.node_bed import LoopbackNode
from lab.demo.report import Report
from lab.net import run
from lab.wait import LabTimeout, wait_until

PASSWORD = "of-the-demo"
TENANTS = ("red", "blue")
SETTINGS = "auth = tokens\n[identity]\nbcrypt_cost = 6\n"
"""A cost that suits a demo."""


def two_tenants(report: Report) -> None:
    """Each sees what it made, and nothing of the other's."""
    with (tempfile.TemporaryDirectory(prefix="vnc-demo-") as temporary,
          contextlib.ExitStack() as stack):
        directory = Path(temporary)
        files = certificates(report, directory)
        operator = ssl.create_default_context(cafile=files / "ca.pem")
        operator.load_cert_chain(directory / "client/client.pem", directory / "client/client.key")
        node = stack.enter_context(
            LoopbackNode(directory, settings=SETTINGS, tls=files, client_tls=operator))
        clouds = Clouds(report, directory, node)
        clouds.users()
        with ThreadPoolExecutor() as both:
            made = both.map(lambda one: clouds.openstack(
                one, "network", "create", f"{one}-secret"), TENANTS)
            networks = dict(zip(TENANTS, (network["id"] for network in made), strict=True))
            lists = both.map(lambda one: clouds.openstack(one, "network", "list"), TENANTS)
            seen = {one: [network["Name"] for network in found]
                    for one, found in zip(TENANTS, lists, strict=True)}
        report.check(
            "two tenants log in with clouds.yaml over TLS, each sees its own",
            seen == {one: [f"{one}-secret"] for one in TENANTS},
            ", ".join(f"{one}: {' '.join(names) or 'nothing'}" for one, names in seen.items()),
        )
        refused = clouds.refused("blue", "network", "delete", networks["red"])
        report.check("what is another's does not exist", "No Network found" in refused,
                     refused.partition("\n")[0][:100])
        listed = clouds.vnctl("red", "-o", "json", "elements", check=False)
        report.check("the node itself is for operators", "get_system" in listed,
                     listed.strip().removeprefix("vnctl: ")[:100])


def certificates(report: Report, directory: Path) -> Path:
    """Of a site of its own: authorities, and certificates of a node and of an operator.  Returns
    the node's directory."""
    site = str(directory / "site")
    for words in (
        ("init", site, "--site", "demo"),
        ("issue", "node", "loopback", "-d", site, "--address", "127.0.0.1"),
        ("issue", "client", "operator", "-d", site),
        ("export", "node", "loopback", "-d", site, "--to", str(directory / "node")),
        ("export", "client", "operator", "-d", site, "--to", str(directory / "client")),
    ):
        report.say(f"vnctl pki {' '.join(words)}")
        _vnctl("pki", *words)
    return directory / "node"


class Clouds:
    """The files of clients, and what they run."""

    def __init__(self, report: Report, directory: Path, node: LoopbackNode) -> None:
        self._report, self._directory, self._node = report, directory, node
        client = directory / "client"
        tls = {"cacert": str(client / "ca.pem"), "cert": str(client / "client.pem"),
               "key": str(client / "client.key")}
        clouds = {
            user: {**tls, "auth": {
                "auth_url": f"{node.url}/v3", "username": user, "password": PASSWORD,
                "project_name": user, "user_domain_id": "default", "project_domain_id": "default",
            }} for user in ("admin", *TENANTS)
        }
        # JSON is YAML, too.
        (directory / "clouds.yaml").write_text(json.dumps({"clouds": clouds}, indent=1))
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("OS_")},
            "OS_CLIENT_CONFIG_FILE": str(directory / "clouds.yaml"), "VNCTL_URL": node.url,
            "VNCTL_CA": tls["cacert"], "VNCTL_CERT": tls["cert"], "VNCTL_KEY": tls["key"],
        }
        (directory / "password").write_text(f"{PASSWORD}\n")

    def users(self) -> None:
        """The first administrator, by the code that stands in the node's log, makes the others."""
        code = wait_until(lambda: re.search(r"--code (\S+)", self._node.log.read_text()),
                          "the code in the node's log", 10)
        password = ("--password-file", str(self._directory / "password"))
        self.vnctl("", "identity", "bootstrap", "--code", code[1], *password)
        for one in TENANTS:
            self.vnctl("admin", "identity", "project", "create", one)
            self.vnctl("admin", "identity", "user", "create", one, *password)
            self.vnctl("admin", "identity", "role", "assign", "member", "--user", one, "--project",
                       one)

    def vnctl(self, cloud: str, *words: str, check: bool = True) -> str:
        self._report.say(f"vnctl {' '.join(words)}" + (f"   # as {cloud}" if cloud else ""))
        named = {"OS_CLOUD": cloud} if cloud else {}
        done = _vnctl(*words, check=check, environment={**self._environment, **named})
        return done.stdout + done.stderr

    def openstack(self, cloud: str, *words: str) -> Any:
        done = self._openstack(cloud, *words, "-f", "json")
        if done.returncode:
            raise LabTimeout(f"openstack {' '.join(words)}: {done.stderr[-500:]}")
        return json.loads(done.stdout)

    def refused(self, cloud: str, *words: str) -> str:
        """What the client says of a command that must fail; "" where it did not."""
        done = self._openstack(cloud, *words)
        return done.stderr.strip() if done.returncode else ""

    def _openstack(self, cloud: str, *words: str) -> subprocess.CompletedProcess[str]:
        self._report.say(f"openstack --os-cloud {cloud} {' '.join(words)}")
        program = Path(sys.executable).with_name("openstack")
        return run([str(program), "--os-cloud", cloud, *words], check=False,
                   env=self._environment)


def _vnctl(
    *words: str, check: bool = True, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "ryu_apps.cli.vnctl", *words], check=check,
               env=environment or dict(os.environ))
