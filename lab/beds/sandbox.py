"""A real ovsdb-server and ovs-vswitchd with a dummy datapath, private to whoever starts it."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from lab.hosts.open_vswitch import schema_path
from vrouter_ovs.schema.tables import TABLE_NAMES
from vrouter_ovs.state import FLOWS, GROUP, Limits, MeterPool, StateObject
from vrouter_ovs.state.limits import RECEIVED, SENT, limit_meter
from vrouter_ovs.state.meters import MeterConfig, meter_pools, meters
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.buckets import encode_group
from vrouter_ovs.wire.encode import Encoded
from vrouter_ovs.wire.groups import (
    GROUP_ADD,
    GROUP_DELETE,
    EncodedGroup,
    decode_group_descs,
    group_desc_request,
    group_mod,
)

BRIDGE = "br-int"
STORM_RATE = 1000
OFPG_ALL = 0xFFFF_FFFC


class Sandbox:
    """One switch.  ``ofctl``, ``vsctl``, ``appctl`` run the tools; ``trace`` is ofproto/trace."""

    def __init__(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="vr-"))
        self.processes: list[subprocess.Popen] = []
        self.env = {
            **os.environ,
            "OVS_RUNDIR": str(self.dir), "OVS_LOGDIR": str(self.dir), "OVS_DBDIR": str(self.dir),
            "OVS_SYSCONFDIR": str(self.dir),
        }  # fmt: skip
        self.db = f"unix:{self.dir}/db.sock"
        self.ctl = str(self.dir / "vswitchd.ctl")
        self.mgmt = str(self.dir / f"{BRIDGE}.mgmt")

    def start(self) -> None:
        conf = self.dir / "conf.db"
        self.run("ovsdb-tool", "create", str(conf), str(schema_path()))
        self._spawn(
            "ovsdb-server", str(conf), f"--remote=punix:{self.dir}/db.sock",
            f"--unixctl={self.dir}/ovsdb.ctl", "--no-chdir", "-vconsole:off",
            f"--log-file={self.dir}/ovsdb-server.log",
        )  # fmt: skip
        self._wait(self.dir / "db.sock")
        self.run("ovs-vsctl", f"--db={self.db}", "--no-wait", "init")
        self._spawn(
            "ovs-vswitchd", self.db, "--enable-dummy", "--disable-system", "--disable-system-route",
            f"--unixctl={self.ctl}", "--no-chdir", "-vconsole:off",
            f"--log-file={self.dir}/ovs-vswitchd.log",
        )  # fmt: skip
        self._wait(Path(self.ctl))
        self.vsctl(
            "add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=dummy",
            "fail_mode=secure", "protocols=[OpenFlow14,OpenFlow15]",
            "other-config:hwaddr=aa:55:aa:55:00:01",
        )  # fmt: skip
        for number, name in TABLE_NAMES.items():
            self.vsctl(
                f"--id=@t{number}", "create", "Flow_Table", f"name={name}", "--",
                "set", "bridge", BRIDGE, f"flow_tables:{number}=@t{number}",
            )  # fmt: skip
        self._wait(Path(self.mgmt))
        # As a node's channel does with set_config().
        self.ofctl("set-frags", "nx-match")

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _spawn(self, *command: str) -> None:
        self.processes.append(
            subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip

    @staticmethod
    def _wait(path: Path) -> None:
        deadline = time.monotonic() + 15
        while not path.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} did not appear")
            time.sleep(0.02)

    def run(self, *command: str) -> str:
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def vsctl(self, *args: str) -> str:
        return self.run("ovs-vsctl", f"--db={self.db}", "--timeout=10", *args)

    def appctl(self, *args: str) -> str:
        return self.run("ovs-appctl", f"--target={self.ctl}", *args)

    def ofctl(self, command: str, *args: str) -> str:
        return self.run(
            "ovs-ofctl", "-OOpenFlow14", "--names", command, f"unix:{self.mgmt}", *args
        )

    def add_ports(self, *ofports: int) -> None:
        """Dummy ports p1, p2, ... with these OpenFlow numbers."""
        args: list[str] = []
        for ofport in ofports:
            args += [
                "--", "--may-exist", "add-port", BRIDGE, f"p{ofport}",
                "--", "set", "interface", f"p{ofport}", "type=dummy", f"ofport_request={ofport}",
            ]  # fmt: skip
        self.vsctl(*args[1:])

    def add_underlay(self, vtep: str = "192.0.2.1") -> None:
        """A bridge with the VTEP addresses, of 192.0.2.0/24 and fd00:16::/64, which tunnels are
        routed through."""
        self.vsctl(
            "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=dummy",
            "other-config:hwaddr=aa:55:aa:55:00:02", "--",
            "add-port", "br-phy", "fabric", "--", "set", "interface", "fabric", "type=dummy",
        )  # fmt: skip
        self.appctl("netdev-dummy/ip4addr", "br-phy", f"{vtep}/24")
        self.appctl("ovs/route/add", "192.0.2.0/24", "br-phy")
        self.appctl("netdev-dummy/ip6addr", "br-phy", "fd00:16::1/64")
        self.appctl("ovs/route/add", "fd00:16::/64", "br-phy")

    def add_tunnel(
        self, ofport: int, remote: str, kind: str = "vxlan", *options: str
    ) -> None:
        """A tunnel port to a VTEP in one of these networks, with its neighbor known.
        ``options``: the column's, in place of a key."""
        # Without local_ip: a source needs a local route, which the dummy's routing table lacks.
        name = f"t{ofport}"
        self.vsctl(
            "add-port", BRIDGE, name, "--", "set", "interface", name, f"type={kind}",
            f"ofport_request={ofport}", f'options:remote_ip="{remote}"',
            *(f"options:{option}" for option in options or ("key=flow",)),
        )  # fmt: skip
        self.appctl("tnl/neigh/set", "br-phy", remote, f"aa:55:aa:55:01:{ofport:02x}")

    def trace(self, flow: str, *states: str) -> str:
        follow = [word for state in states for word in ("--ct-next", state)]
        return self.appctl("ofproto/trace", *follow, BRIDGE, flow)

    def connect(self) -> OpenFlow:
        return OpenFlow(self.mgmt)


class OpenFlow:
    """A minimal OpenFlow 1.4 client over the bridge's management socket.  ``timeout``: seconds that
    the switch may take for a message."""

    def __init__(self, path: str, timeout: float = 20.0) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.xid = 0
        self._limits: set[int] | None = None
        """The meters that are there, once it matters."""
        self.socket.sendall(struct.pack("!BBHI", 5, 0, 8, 0))
        self.receive()

    def close(self) -> None:
        self.socket.close()

    def next_xid(self) -> int:
        self.xid += 1
        return self.xid

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self.socket.recv(size - len(data))
            if not chunk:
                raise ConnectionError("the switch closed the connection")
            data += chunk
        return bytes(data)

    def receive(self) -> bytes:
        header = self._read(8)
        return header + self._read(int.from_bytes(header[2:4], "big") - 8)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, kind: int, xid: int) -> tuple[bytes, list[bytes]]:
        """(the message of this type and xid, the errors that came before it)."""
        errors = []
        while True:
            message = self.receive()
            if message[1] == 2:
                self.send(bytes((5, 3)) + message[2:])
            elif message[1] == kind and int.from_bytes(message[4:8], "big") == xid:
                return message, errors
            elif message[1] == 1:
                errors.append(message)

    def flow_mods(self, command: int, flows: list[Encoded]) -> list[bytes]:
        """Send and wait for a barrier; returns the errors."""
        data = [encode.flow_mod(command, flow, self.next_xid()) for flow in flows]
        xid = self.next_xid()
        self.send(b"".join(data) + encode.barrier(xid))
        return self.until(21, xid)[1]

    def read_flows(self) -> dict[bytes, Encoded]:
        xid = self.next_xid()
        self.send(encode.flow_stats_request(xid, encode.COOKIE_BASE, encode.COOKIE_MASK))
        flows: dict[bytes, Encoded] = {}
        while True:
            message, errors = self.until(19, xid)
            if errors:
                raise RuntimeError(encode.decode_error(errors[0]))
            for flow in encode.decode_flow_stats(memoryview(message)[16:]):
                flows[flow.key] = flow
            if not message[11] & 1:
                return flows

    def read_groups(self) -> dict[int, EncodedGroup]:
        xid = self.next_xid()
        self.send(group_desc_request(xid))
        found: dict[int, EncodedGroup] = {}
        while True:
            message, errors = self.until(19, xid)
            assert not errors
            found.update((group.id, group) for group in decode_group_descs(message[16:]))
            if not message[11] & 1:
                return found

    def make_meters(self, new_connections: int = 0) -> None:
        """The pools of meters, which the flows of a Punt need."""
        data = [
            encode.meter_mod(encode.METER_ADD, meter, *wanted, self.next_xid())
            for meter, wanted in meters(meter_pools(new_connections, STORM_RATE)).items()
        ]
        xid = self.next_xid()
        self.send(b"".join(data) + encode.barrier(xid))
        assert not self.until(21, xid)[1]

    def make_limit_meters(self, objects: Iterable[StateObject]) -> None:
        """The meters that the flows of Limits need, of any rate."""
        wanted = {
            limit_meter(one.ofport, direction, unit)
            for one in objects if type(one) is Limits
            for direction, units in ((SENT, one.sent), (RECEIVED, one.received))
            for unit in units
        }
        if not wanted:
            return
        if self._limits is None:
            self._limits = set(self.read_meters())
        data = [
            encode.meter_mod(encode.METER_ADD, number, *MeterPool("", number, 1, 1, 1).config,
                             self.next_xid())
            for number in sorted(wanted - self._limits)
        ]
        self._limits |= wanted
        xid = self.next_xid()
        self.send(b"".join(data) + encode.barrier(xid))
        assert not self.until(21, xid)[1]

    def read_meters(self) -> dict[int, MeterConfig | None]:
        xid = self.next_xid()
        self.send(encode.meter_config_request(xid))
        found: dict[int, tuple[int, int] | None] = {}
        while True:
            message, errors = self.until(19, xid)
            assert not errors
            found.update(encode.decode_meter_configs(message[16:]))
            if not message[11] & 1:
                return found

    def clear(self) -> None:
        flows = self.read_flows()
        assert not self.flow_mods(encode.DELETE_STRICT, list(flows.values()))
        every = EncodedGroup(OFPG_ALL, 0, b"")
        self.send(group_mod(GROUP_DELETE, every, self.next_xid()))

    def install(self, objects: list[StateObject]) -> dict[bytes, Encoded]:
        self.make_limit_meters(objects)
        groups = [encode_group(obj) for obj in objects if obj.target == GROUP]
        self.send(b"".join(group_mod(GROUP_ADD, group, self.next_xid()) for group in groups))
        flows = [
            flow for obj in objects if obj.target == FLOWS for flow in encode.encode_object(obj)
        ]
        errors = self.flow_mods(encode.ADD, flows)
        assert not errors, [encode.decode_error(error) for error in errors]
        return {flow.key: flow for flow in flows}
