"""Plug and unplug ports over one lasting OVSDB connection, as a host's agent does (RFC 7047).

``ovs-vsctl`` reads the whole database at every call, which with a thousand ports takes longer than
what is to be measured.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Plugger:
    """``directory``: the hypervisor's run directory, with ``db.sock`` in it."""

    def __init__(self, directory: Path, bridge: str = "br-int") -> None:
        self._bridge = bridge
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(directory / "db.sock"))
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._id = 0

    def close(self) -> None:
        self._socket.close()

    def plug(self, ports: Iterable[tuple[str, str]], kind: str = "dummy") -> None:
        """Add (interface name, port id) pairs of interface type ``kind`` in one transaction."""
        operations: list[dict[str, Any]] = []
        names = []
        for index, (name, port_id) in enumerate(ports):
            operations += [
                {"op": "insert", "table": "Interface", "uuid-name": f"i{index}",
                 "row": {"name": name, "type": kind,
                         "external_ids": ["map", [["iface-id", port_id]]]}},
                {"op": "insert", "table": "Port", "uuid-name": f"p{index}",
                 "row": {"name": name, "interfaces": ["named-uuid", f"i{index}"]}},
            ]
            names.append(["named-uuid", f"p{index}"])
        operations += [
            {"op": "mutate", "table": "Bridge", "where": [["name", "==", self._bridge]],
             "mutations": [["ports", "insert", ["set", names]]]},
            # What ovs-vsctl does to make ovs-vswitchd look at the database.
            {"op": "mutate", "table": "Open_vSwitch", "where": [],
             "mutations": [["next_cfg", "+=", 1]]},
        ]
        self._transact(operations)

    def unplug(self, names: Iterable[str]) -> None:
        """Remove ports by name; unknown names are ignored."""
        clauses = [["name", "==", name] for name in names]
        operations: list[dict[str, Any]] = []
        for clause in clauses:
            found = self._transact(
                [{"op": "select", "table": "Port", "where": [clause], "columns": ["_uuid"]}]
            )
            for row in found[0]["rows"]:
                operations.append(
                    {"op": "mutate", "table": "Bridge", "where": [["name", "==", self._bridge]],
                     "mutations": [["ports", "delete", row["_uuid"]]]}
                )
        if operations:
            self._transact(operations)

    def _transact(self, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._id += 1
        request = {"method": "transact", "params": ["Open_vSwitch", *operations], "id": self._id}
        self._socket.sendall(json.dumps(request).encode())
        while True:
            answer = self._receive()
            if answer.get("method") == "echo":
                reply = {"result": answer["params"], "error": None, "id": answer["id"]}
                self._socket.sendall(json.dumps(reply).encode())
            elif answer.get("id") == self._id:
                break
        errors = [one for one in answer["result"] or () if one and "error" in one]
        if answer["error"] or errors:
            raise RuntimeError(f"OVSDB refused: {answer['error'] or errors}")
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while True:
            text = self._buffer.lstrip()
            if text:
                try:
                    value, end = self._decoder.raw_decode(text)
                except ValueError:
                    pass
                else:
                    self._buffer = text[end:]
                    return value
            data = self._socket.recv(1 << 16)
            if not data:
                raise RuntimeError("OVSDB closed the connection")
            self._buffer += data.decode()
