"""A client of one OVSDB database that waits for values instead of asking for them (RFC 7047)."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.wait import LabTimeout

Operation = dict[str, Any]
Tables = dict[str, dict[str, dict[str, Any]]]


class OvsdbClient:
    """``path``: a Unix socket.  ``tables``: table name -> {row uuid -> {column: value}} of what
    :meth:`monitor` asked for, as of the last message read."""

    def __init__(self, path: Path | str, database: str) -> None:
        self._database = database
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(300)
        self._socket.connect(str(path))
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._id = 0
        self.tables: Tables = {}

    def close(self) -> None:
        self._socket.close()

    def monitor(self, columns: dict[str, Sequence[str]]) -> None:
        """Follow these columns of these tables from now on."""
        requests = {table: [{"columns": list(names)}] for table, names in columns.items()}
        self._update(self._call("monitor", [self._database, "bench", requests]))

    def transact(self, operations: Sequence[Operation]) -> list[dict[str, Any]]:
        """One transaction.  Raises RuntimeError with what the server refused."""
        results = self._call("transact", [self._database, *operations])
        errors = [one for one in results if one and "error" in one]
        if errors:
            raise RuntimeError(f"OVSDB refused: {errors}")
        return results

    def wait(self, check: Callable[[Tables], Any], what: object, timeout: float) -> Any:
        """Read updates until ``check(tables)`` is true; returns its result.  Raises LabTimeout."""
        deadline = time.monotonic() + timeout
        while not (result := check(self.tables)):
            left = deadline - time.monotonic()
            if left <= 0:
                raise LabTimeout(f"waited {timeout:g} s for {what}")
            self._handle(self._receive(left))
        return result

    # ------------------------------------------------------------ the protocol

    def _call(self, method: str, params: list[Any]) -> Any:
        self._id += 1
        self._send({"method": method, "params": params, "id": self._id})
        while True:
            message = self._receive(300)
            if message is None:
                raise LabTimeout(f"OVSDB did not answer {method} in 300 s")
            if message.get("id") == self._id and "method" not in message:
                break
            self._handle(message)
        if message["error"]:
            raise RuntimeError(f"OVSDB refused: {message['error']}")
        return message["result"]

    def _handle(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        if message.get("method") == "echo":
            self._send({"result": message["params"], "error": None, "id": message["id"]})
        elif message.get("method") == "update":
            self._update(message["params"][1])

    def _update(self, tables: dict[str, Any]) -> None:
        for table, rows in tables.items():
            mine = self.tables.setdefault(table, {})
            for uuid, change in rows.items():
                if "new" in change:
                    mine[uuid] = {**mine.get(uuid, {}), **change["new"]}
                else:
                    mine.pop(uuid, None)

    def _send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode())

    def _receive(self, timeout: float) -> dict[str, Any] | None:
        deadline = time.monotonic() + timeout
        while True:
            # Only a whole message ends with a brace; most partial reads need no attempt.
            text = self._buffer.lstrip()
            if text and (text.endswith("}") or "\n" in text):
                try:
                    value, end = self._decoder.raw_decode(text)
                except ValueError:
                    pass
                else:
                    self._buffer = text[end:]
                    return value
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                return None
            data = self._socket.recv(1 << 20)
            if not data:
                raise RuntimeError("OVSDB closed the connection")
            self._buffer += data.decode()
