"""A simulated hypervisor: its database and its switch on the wire, and what ovs-vswitchd would
write into the database."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from lab.simulated import database as ovsdb
from lab.simulated import switch as openflow

BRIDGE = "br-int"
INSTALLED = "vnc-installed"
RETRY = 1.0
"""Seconds between two attempts to connect."""
READ = 1 << 18


class SimulatedHypervisor:
    """``vtep``: of its own.  ``source``: the address that it connects from.  ``managers``:
    (address, port) of nodes.  ``installed``: called with each interface that a node marks: the
    flows of its port are confirmed."""

    def __init__(
        self, name: str, vtep: str, source: str,
        managers: Iterable[tuple[str, int]], installed: Callable[[str], None],
    ) -> None:
        self.name = name
        self.switch = openflow.SimulatedSwitch()
        self.database = ovsdb.Database()
        self._source = source
        self._managers = tuple(managers)
        self._installed = installed
        self._monitors: dict[asyncio.StreamWriter, tuple[Any, dict[str, Any]]] = {}
        self._controllers: dict[str, asyncio.Task] = {}
        self._tasks: list[asyncio.Task] = []
        self._ofport = 0
        self._marked: set[str] = set()
        self._transact([
            {"op": "insert", "table": "Manager", "uuid-name": f"m{at}",
             "row": {"target": f"tcp:{address}:{port}"}}
            for at, (address, port) in enumerate(self._managers)
        ] + [{"op": "insert", "table": "Open_vSwitch", "row": {
            "ovs_version": "3.1.0",
            "datapath_types": ["set", ["netdev", "system"]],
            "external_ids": ["map", [
                ["system-id", name], ["hostname", name], ["vnc-encap-ip", vtep],
            ]],
            "manager_options": ["set", [["named-uuid", f"m{at}"] for at in
                                        range(len(self._managers))]],
        }}])

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """In a running event loop."""
        self._tasks = [
            asyncio.create_task(self._keep(host, port, self._serve_database))
            for host, port in self._managers
        ]

    async def stop(self) -> None:
        tasks = [*self._tasks, *self._controllers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, host: str, port: int, serve: Callable[..., Any]) -> None:
        """Connect, and again whenever the connection ends."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(
                    host, port, local_addr=(self._source, 0)
                )
                try:
                    await serve(reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(RETRY)

    # ------------------------------------------------------------ the database

    async def _serve_database(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        decoder, text = json.JSONDecoder(), ""
        try:
            while data := await reader.read(READ):
                text += data.decode()
                while text:
                    try:
                        request, end = decoder.raw_decode(text)
                    except ValueError:
                        break
                    text = text[end:].lstrip()
                    self._request(writer, request)
                await writer.drain()
        finally:
            self._monitors.pop(writer, None)

    def _request(self, writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        method, params, identifier = request.get("method"), request.get("params"), request["id"]
        if method == "echo":
            result: Any = params
        elif method == "get_schema":
            result = ovsdb.schema()
        elif method == "monitor_cond":
            self._monitors[writer] = params[1], params[2]
            result = self.database.contents(params[2])
        elif method == "transact":
            result = self._transact(params[1:])
            self._act()
        else:
            return  # A reply to an echo of ours, of which there are none.
        _send(writer, {"result": result, "error": None, "id": identifier})

    def _transact(self, operations: list[Any]) -> list[Any]:
        """Carry out a transaction and tell all who follow the database."""
        result, updates = self.database.transact(operations)
        for writer, (identifier, requests) in self._monitors.items():
            told = ovsdb.only(requests, updates)
            if told:
                _send(writer, {"method": "update2", "params": [identifier, told], "id": None})
        self._look_at_marks(updates)
        return result

    def _look_at_marks(self, updates: ovsdb.Updates) -> None:
        rows = self.database.tables["Interface"]
        for row_id in updates.get("Interface", ()):
            row = rows.get(row_id)
            if row is None or row["name"] in self._marked:
                continue
            if row["external_ids"].get(INSTALLED) == "true":
                self._marked.add(row["name"])
                self._installed(row["name"])

    # ------------------------------------------------------------ ovs-vswitchd

    def _act(self) -> None:
        """Do what ovs-vswitchd does when the database has changed."""
        operations: list[Any] = []
        tables = self.database.tables
        for row_id, row in tables["Bridge"].items():
            if not row["datapath_id"]:
                number = row["other_config"].get("datapath-id", "0" * 16)
                self.switch.datapath_id = int(number, 16)
                operations.append(_update("Bridge", row_id, {"datapath_id": number}))
        for row_id, row in tables["Interface"].items():
            if not row["ofport"]:
                operations.append(_update("Interface", row_id, self._plugged(row)))
        if operations:
            self._transact(operations)
        wanted = {row["target"] for row in tables["Controller"].values()}
        for target in wanted - self._controllers.keys():
            _, host, port = target.split(":")
            self._controllers[target] = asyncio.create_task(
                self._keep(host, int(port), self._serve_switch)
            )
        for target in self._controllers.keys() - wanted:
            self._controllers.pop(target).cancel()

    def _plugged(self, row: ovsdb.Row) -> dict[str, Any]:
        self._ofport += 1
        update = {"ofport": self._ofport, "link_state": "up", "admin_state": "up"}
        if row["bfd"].get("enable") == "true":
            update["bfd_status"] = ["map", [
                ["state", "up"], ["forwarding", "true"], ["remote_state", "up"],
            ]]
        return update

    def plug(self, ports: Iterable[tuple[str, str]]) -> None:
        """Interfaces for ports: (name, port id) each, in one transaction."""
        bridge = next(iter(self.database.tables["Bridge"]))
        operations: list[Any] = []
        added = []
        for at, (name, port_id) in enumerate(ports):
            operations += [
                {"op": "insert", "table": "Interface", "uuid-name": f"i{at}", "row": {
                    "name": name, "type": "internal",
                    "external_ids": ["map", [["iface-id", port_id]]],
                }},
                {"op": "insert", "table": "Port", "uuid-name": f"p{at}",
                 "row": {"name": name, "interfaces": ["named-uuid", f"i{at}"]}},
            ]
            added.append(["named-uuid", f"p{at}"])
        operations.append({
            "op": "mutate", "table": "Bridge", "where": [["_uuid", "==", ["uuid", bridge]]],
            "mutations": [["ports", "insert", ["set", added]]],
        })
        self._transact(operations)
        self._act()

    @property
    def bridged(self) -> bool:
        """A node has made the integration bridge."""
        return bool(self.database.tables["Bridge"])

    # ------------------------------------------------------------ the switch

    async def _serve_switch(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(openflow.message(openflow.HELLO, 1, bytes([0, 1, 0, 8, 0, 0, 0, 0x20])))
        connection = openflow.Connection(writer.write)
        self.switch.connections.add(connection)
        buffer = bytearray()
        try:
            while data := await reader.read(READ):
                buffer += data
                for one in openflow.split(buffer):
                    reply = self.switch.answer(connection, one)
                    if reply:
                        writer.write(reply)
                await writer.drain()
        finally:
            self.switch.connections.discard(connection)


def _send(writer: asyncio.StreamWriter, value: Any) -> None:
    writer.write(json.dumps(value, separators=(",", ":")).encode())


def _update(table: str, row_id: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "op": "update", "table": table, "where": [["_uuid", "==", ["uuid", row_id]]], "row": row,
    }
