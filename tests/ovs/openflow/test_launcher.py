"""The launcher with a real switch: a Ryu-style application beside a node, and TLS."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from lab.beds.openflow_bed import Switch, eventually, free_port

ROOT = Path(__file__).resolve().parents[3]
LEARNING_SWITCH = '''
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_4


class Learning(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_4.OFP_VERSION]
    ports = {}

    def add_flow(self, dp, priority, match, port):
        p, action = dp.ofproto_parser, dp.ofproto_parser.OFPActionOutput(port, 65535)
        inst = [p.OFPInstructionActions(dp.ofproto.OFPIT_APPLY_ACTIONS, [action])]
        dp.send_msg(p.OFPFlowMod(dp, priority=priority, match=match, instructions=inst))

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, ev):
        dp = ev.msg.datapath
        self.add_flow(dp, 0, dp.ofproto_parser.OFPMatch(), dp.ofproto.OFPP_CONTROLLER)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, ev):
        dp, eth = ev.msg.datapath, packet.Packet(ev.msg.data).get_protocol(ethernet.ethernet)
        self.ports[eth.src] = ev.msg.match["in_port"]
        if eth.dst in self.ports:
            match = dp.ofproto_parser.OFPMatch(eth_dst=eth.dst)
            self.add_flow(dp, 1, match, self.ports[eth.dst])
        raise RuntimeError("an app with a fault goes on")
'''
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


@pytest.fixture
def switch():
    switch = Switch()
    yield switch
    switch.close()


def frame(destination: str, source: str) -> str:
    return (destination + source).replace(":", "") + "88b5" + "00" * 46


def test_learning_switch_beside_a_node(switch, tmp_path):
    path = tmp_path / "learning.py"
    path.write_text(LEARNING_SWITCH)
    port = free_port()
    conf = tmp_path / "node.conf"
    conf.write_text("[store]\nbackend = memory\n"
                    f"[ovsdb]\nlisten = ptcp:{free_port()}:127.0.0.1\n"
                    f"[api]\nport = {free_port()}\n")
    for number in ("1", "2"):
        switch.vsctl("add-port", "br-int", f"p{number}", "--", "set", "interface", f"p{number}",
                     "type=dummy", f"ofport_request={number}")
    switch.connect(port)
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ryu_apps.manager", "ryu_apps.vnc_node", str(path),
             "--config-file", str(conf), "--ofp-listen-host", "127.0.0.1",
             "--ofp-tcp-listen-port", str(port)],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path, stdout=out, stderr=out)

    def receive(name: str, data: str) -> None:
        subprocess.run(["ovs-appctl", "-t", f"{switch.directory}/ovs-vswitchd.ctl",
                        "netdev-dummy/receive", name, data], check=True, capture_output=True)

    try:
        eventually(lambda: any("CONTROLLER" in line for line in switch.flows()), "its miss flow")
        receive("p1", frame(B, A))
        eventually(lambda: "an app with a fault" in log.read_text(), "the first packet")
        receive("p2", frame(A, B))
        eventually(lambda: any(f"dl_dst={A} actions=output:1" in line for line in switch.flows()),
                   "a learned flow")
        receive("p1", frame(B, A))
        eventually(lambda: any(f"dl_dst={B} actions=output:2" in line for line in switch.flows()),
                   "the other one")
        flows = switch.flows()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, log.read_text()
        assert switch.flows() == flows
    finally:
        process.kill()
        process.wait()


def make_certificate(directory: Path, name: str, authority: Path | None) -> tuple[Path, Path]:
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    signed = ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key"] if authority else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    f"/CN={name}", "-keyout", key, "-out", certificate, *signed],
                   check=True, capture_output=True)
    return key, certificate


def test_tls_with_client_certificates(switch, tmp_path):
    authority = tmp_path / "ca"
    _, ca = make_certificate(tmp_path, "ca", None)
    key, certificate = make_certificate(tmp_path, "node", authority)
    switch_key, switch_certificate = make_certificate(tmp_path, "switch", authority)
    path = tmp_path / "learning.py"
    path.write_text(LEARNING_SWITCH)
    port, log = free_port(), tmp_path / "log"
    switch.vsctl("set-ssl", str(switch_key), str(switch_certificate), str(ca))
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ryu_apps.manager", str(path), "--ctl-privkey", str(key),
             "--ctl-cert", str(certificate), "--ca-certs", str(ca), "--ofp-ssl-listen-port",
             str(port), "--ofp-listen-host", "127.0.0.1"],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path, stdout=out, stderr=out)
    try:
        eventually(lambda: "over TLS on 127.0.0.1" in log.read_text(), "listening")
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x05\x00\x00\x08\x00\x00\x00\x01"):
            with socket.create_connection(("127.0.0.1", port), 5) as sock:
                sock.sendall(data)
                with contextlib.suppress(ConnectionResetError):
                    while sock.recv(4096):
                        pass
        # Without a certificate of its own a client gets no further.
        with (socket.create_connection(("127.0.0.1", port), 5) as sock, pytest.raises(OSError)):
            context.wrap_socket(sock).recv(1)
        eventually(lambda: log.read_text().count("TLS handshake failed") == 3, "three refused")
        switch.vsctl("set-controller", "br-int", f"ssl:127.0.0.1:{port}")
        eventually(lambda: any("CONTROLLER" in line for line in switch.flows()), "its miss flow")
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()
