"""FRR's daemons in a namespace, with a run directory of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon

DAEMONS = "/usr/lib/frr"
USER = "frr"
"""Made by the package; the daemons give up root for it, so the run directory is its."""


class Routing:
    """``configs``: program ("zebra", "bgpd", "ospfd") -> the text of its configuration file, in the
    order in which they start; zebra must be the first."""

    def __init__(
        self, space: Namespace, directory: Path, configs: Mapping[str, str], journal: Journal
    ) -> None:
        self.space = space
        self.directory = directory
        self._configs = dict(configs)
        self.daemons = {
            program: Daemon(
                journal, program,
                [
                    f"{DAEMONS}/{program}", "-f", f"{directory}/{program}.conf",
                    "-i", f"{directory}/{program}.pid", "-z", f"{directory}/zserv.api",
                    "--vty_socket", str(directory), "-u", USER, "-g", USER, "-P", "0",
                    "--log", "stdout",
                ],
                directory, space,
            )
            for program in configs
        }

    def start(self) -> None:
        """Start them; returns when each can be asked."""
        self.directory.mkdir(parents=True, exist_ok=True)
        shutil.chown(self.directory, USER, USER)
        for program, daemon in self.daemons.items():
            (self.directory / f"{program}.conf").write_text(self._configs[program])
            daemon.start()
            daemon.wait_ready((self.directory / f"{program}.vty").exists, "its VTY socket")

    def stop(self) -> None:
        for daemon in reversed(self.daemons.values()):
            daemon.stop()

    def vtysh(self, *commands: str) -> str:
        """Run vtysh commands, each as typed at the prompt; configuration begins with
        "configure terminal"."""
        words = [word for command in commands for word in ("-c", command)]
        return self.space.run(["vtysh", "--vty_socket", str(self.directory), *words]).stdout

    def json(self, command: str) -> Any:
        return json.loads(self.vtysh(f"{command} json"))
