"""A real ovs-vswitchd with dummy datapaths, and a node's OpenFlow side in this process."""

from __future__ import annotations

import itertools
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_4

from lab.beds.option_values import openflow_channels
from lab.hosts.open_vswitch import schema_path
from ryu_apps import runtime
from ryu_apps.control.messages import Program
from ryu_apps.southbound.openflow.channels import OpenFlowChannels


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, what: str, seconds: float = 20.0):
    """Wait until ``condition()`` is true; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Switch:
    """ovsdb-server and ovs-vswitchd in a directory of their own, with the bridge ``br-int``."""

    _ids = itertools.count(os.getpid() * 16 + 1)

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="of-ovs-"))
        self.datapath_id = next(self._ids)
        self.environment = os.environ | {
            "OVS_RUNDIR": str(self.directory), "OVS_LOGDIR": str(self.directory),
            "OVS_DBDIR": str(self.directory), "OVS_SYSCONFDIR": str(self.directory)}
        database = self.directory / "conf.db"
        self.socket = f"unix:{self.directory}/db.sock"
        subprocess.run(["ovsdb-tool", "create", database, schema_path()], check=True)
        self._server = self._start("ovsdb-server", str(database),
                                   f"--remote=p{self.socket}")
        eventually((self.directory / "db.sock").exists, "ovsdb-server's socket")
        self.vsctl("--no-wait", "init")
        self.start()
        self.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=dummy",
                   "fail_mode=secure", "protocols=OpenFlow10,OpenFlow13,OpenFlow14",
                   f"other-config:datapath-id={self.datapath_id:016x}")

    def _start(self, program: str, *arguments: str) -> subprocess.Popen:
        log = open(self.directory / f"{program}.out", "ab")  # noqa: SIM115
        return subprocess.Popen(
            [program, *arguments, f"--pidfile={self.directory}/{program}.pid",
             f"--log-file={self.directory}/{program}.log", "-vconsole:off",
             f"--unixctl={self.directory}/{program}.ctl"],
            env=self.environment, stdout=log, stderr=log)

    def start(self) -> None:
        self.vswitchd = self._start("ovs-vswitchd", self.socket, "--enable-dummy=override",
                                    "--disable-system")

    def kill(self) -> None:
        self.vswitchd.send_signal(signal.SIGKILL)
        self.vswitchd.wait()

    def vsctl(self, *arguments: str) -> str:
        return self._run("ovs-vsctl", f"--db={self.socket}", "--timeout=20", *arguments)

    def ofctl(self, *arguments: str) -> str:
        return self._run("ovs-ofctl", "-O", "OpenFlow14", *arguments)

    def appctl(self, *arguments: str) -> str:
        return self._run("ovs-appctl", f"--target={self.directory}/ovs-vswitchd.ctl", *arguments)

    def _run(self, *command: str) -> str:
        return subprocess.run(command, env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    @property
    def bridge(self) -> str:
        return f"{self.directory}/br-int.mgmt"

    def connect(self, port: int) -> None:
        self.vsctl("set-controller", "br-int", f"tcp:127.0.0.1:{port}", "--", "set", "controller",
                   "br-int", "max_backoff=1000", "inactivity_probe=0")

    def flows(self) -> list[str]:
        """All flows but the tables' own, without statistics, sorted."""
        text = self.ofctl("--no-stats", "--no-names", "dump-flows", self.bridge)
        return sorted(line.strip() for line in text.splitlines() if "priority" in line
                      or "actions" in line)

    def is_up(self) -> bool:
        """Whether ovs-vswitchd serves the bridge."""
        return subprocess.run(["ovs-ofctl", "-O", "OpenFlow14", "show", self.bridge],
                              env=self.environment, capture_output=True).returncode == 0

    def close(self) -> None:
        for process in (self.vswitchd, self._server):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Monitor:
    """Counts the flow changes of a bridge, with ``ovs-ofctl monitor BRIDGE watch:``."""

    def __init__(self, switch: Switch) -> None:
        self._out = switch.directory / "monitor.out"
        with open(self._out, "wb") as out:
            self._process = subprocess.Popen(
                ["ovs-ofctl", "-O", "OpenFlow14", "monitor", switch.bridge, "watch:!initial"],
                env=switch.environment, stdout=out, stderr=subprocess.STDOUT)
        eventually(lambda: b"FLOW_MONITOR" in self._out.read_bytes() or time.sleep(0.3) or True,
                   "the monitor")

    def changes(self) -> list[str]:
        return [line.strip() for line in self._out.read_text().splitlines()
                if "event=" in line]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class BedApp(app_manager.OSKenApp):
    """Forwards connects and disconnects, as the node's app does."""

    OFP_VERSIONS = [ofproto_v1_4.OFP_VERSION]
    southbound: OpenFlowChannels | None = None
    datapaths: dict[int, object] = {}
    packet_ins: queue.Queue = queue.Queue()

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, event) -> None:
        self.packet_ins.put(event.msg)

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def state_changed(self, event) -> None:
        datapath = event.datapath
        if event.state == MAIN_DISPATCHER:
            self.datapaths[datapath.id] = datapath
        elif self.datapaths.get(datapath.id) is datapath:
            del self.datapaths[datapath.id]
        if self.southbound is not None:
            if event.state == MAIN_DISPATCHER:
                self.southbound.connected(datapath)
            else:
                self.southbound.disconnected(datapath)


class Node:
    """The OpenFlow listener and the app; one per process, as os-ken is."""

    def __init__(self) -> None:
        runtime.install()
        from os_ken.base.app_manager import AppManager
        from os_ken.cfg import CONF

        self.port = free_port()
        CONF(args=[], project="vnc-test", default_config_files=[], default_config_dirs=[])
        CONF.set_override("ofp_tcp_listen_port", self.port)
        CONF.set_override("ofp_listen_host", "127.0.0.1")
        CONF.set_override("ofp_handshake_timeout", 1.5)
        self.manager = AppManager.get_instance()
        self.manager.load_apps([__name__])
        self.manager.instantiate_apps(**self.manager.create_contexts())
        self.events: queue.Queue = queue.Queue()
        self.seen: list[object] = []
        self.southbound: OpenFlowChannels | None = None
        self.revision = 0

    def begin(self, **options) -> OpenFlowChannels:
        """A new southbound, as after a restart; existing connections are handed to it."""
        self.end()
        self.seen = []
        self.revision = 0
        self.southbound = openflow_channels(self.seen.append, **options)
        for datapath in list(BedApp.datapaths.values()):
            self.southbound.connected(datapath)
        BedApp.southbound = self.southbound
        return self.southbound

    def end(self) -> None:
        """The southbound is gone; connections stay, to save the switches' waiting time."""
        if self.southbound is not None:
            self.southbound.stop()
        BedApp.southbound = self.southbound = None

    def disconnect_all(self) -> None:
        for datapath in list(BedApp.datapaths.values()):
            datapath.disconnect("as the test wants it")
        eventually(lambda: not BedApp.datapaths, "all disconnected")

    def program(self, element: str, *objects, delete=()) -> int:
        self.revision += 1
        changes = tuple((item.key, item) for item in objects) + tuple((k, None) for k in delete)
        self.southbound.program(Program(element, self.revision, changes))
        return self.revision

    def acked(self, element: str, revision: int, seconds: float = 20.0) -> None:
        def condition() -> bool:
            status = self.southbound.status(element)
            return status["acked_revision"] >= revision and not status["pending"]

        eventually(condition, f"revision {revision} acknowledged", seconds)

    def close(self) -> None:
        self.end()
        runtime.shut_down(self.manager, 2.0)
        self.manager.applications_cls.clear()
        self.manager.contexts_cls.clear()
