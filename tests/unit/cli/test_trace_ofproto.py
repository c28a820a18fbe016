"""The parser of ``ofproto/trace``, on what a real ovs-vswitchd printed; and packets as flows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ryu_apps.cli.errors import CliError
from ryu_apps.cli.trace.hypervisor import trace as run_trace
from ryu_apps.cli.trace.ofproto import Output, TunnelHeader, parse, without_size_check
from ryu_apps.cli.trace.packet import Packet

TRACES = Path(__file__).parent / "traces"


def read(name: str):
    return parse((TRACES / f"{name}.txt").read_text(), "br-int")


def test_into_a_tunnel():
    trace = read("to_vtep")
    assert [step.table for step in trace.steps] == [0, 1, 2, 3, 7]
    assert trace.steps[0].match == "in_port=1" and trace.steps[0].priority == 200
    assert trace.steps[2].match == "any" and trace.steps[2].cookie == "0x564eb34c056d3af5"
    assert trace.outputs == [Output(100, True, "")]
    assert trace.tunnels == [TunnelHeader(1000, "192.0.2.1", "192.0.2.2")]
    assert trace.final["dl_dst"] == "fa:16:3e:00:00:03" and trace.final["icmp"] == ""


def test_routed_into_a_tunnel():
    trace = read("routed_to_vtep")
    assert trace.tunnels == [TunnelHeader(5000, "192.0.2.1", "192.0.2.2")]
    assert trace.final["dl_src"] == "02:00:00:00:00:01" and trace.final["nw_ttl"] == "63"


@pytest.mark.parametrize("name", ["local", "from_vtep", "routed_from_vtep"])
def test_to_a_port_by_register(name: str):
    trace = read(name)
    assert trace.outputs == [Output(2, False, "")] and not trace.tunnels


@pytest.mark.parametrize(("name", "table"), [("no_route", 4), ("spoofed", 1)])
def test_dropped(name: str, table: int):
    trace = read(name)
    assert trace.datapath == "drop" and not trace.outputs
    assert trace.steps[-1].table == table and trace.steps[-1].match is None


def test_answered_in_the_switch():
    assert read("gateway_echo").outputs == [Output(-1, False, "")]


def test_flooded():
    trace = read("flood")
    assert trace.outputs == [Output(2, False, ""), Output(100, True, "")]
    assert len(trace.tunnels) == 1


def test_a_tunnel_that_cannot_be_reached():
    text = (TRACES / "to_vtep.txt").read_text()
    text = text.replace("     -> tunneling to 192.0.2.2 via br-phy\n", "")
    failed = "     >> native tunnel routing failed\n"
    lines = [line for line in text.splitlines(True) if "tunneling from" not in line]
    at = next(i for i, line in enumerate(lines) if "native tunnel" in line)
    lines.insert(at + 1, failed)
    trace = parse("".join(lines), "br-int")
    assert trace.outputs == [Output(100, True, "native tunnel routing failed")]


def test_kernel_datapaths_set_the_tunnel():
    text = (TRACES / "to_vtep.txt").read_text()
    head, _, _ = text.partition("Datapath actions: ")
    actions = "set(tunnel(tun_id=0x3e8,dst=192.0.2.2,ttl=64,tp_dst=4789,flags(df|key))),2"
    trace = parse(f"{head}Datapath actions: {actions}\n", "br-int")
    assert trace.tunnels == [TunnelHeader(1000, "", "192.0.2.2")]
    for register, encap, key in (("0x900", "nvgre", 0x3e800), ("0x1301", "geneve", 0x3e8)):
        actions = f"set(tunnel(tun_id={key:#x},dst=192.0.2.2,ttl=64,flags(df|key))),2"
        marked = re.sub("Final flow: .*", f"Final flow: tcp,reg2={register},reg3=0xc0000202", head)
        trace = parse(f"{marked}Datapath actions: {actions}\n", "br-int")
        assert trace.tunnels == [TunnelHeader(1000, "", "192.0.2.2", encap)]
    actions = "set(tunnel(tun_id=0x3e8,src=192.0.2.1,dst=192.0.2.2,ttl=64,flags(df|key))),2"
    trace = parse(f"{head}Datapath actions: {actions}\n", "br-int")
    assert trace.tunnels == [TunnelHeader(1000, "192.0.2.1", "192.0.2.2")]


@pytest.mark.parametrize("text", ["", "br-int: no such bridge", "Flow: x\n", "\0" * 50])
def test_what_is_no_trace_is_refused(text: str):
    with pytest.raises(ValueError):
        parse(text, "br-int")


def test_packets_as_flows():
    packet = Packet("02::1", "02::2", "10.0.0.1", "10.0.0.2")
    assert packet.flow(3) == (
        "in_port=3,icmp,dl_src=02::1,dl_dst=02::2,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,"
        "icmp_type=8,icmp_code=0,ct_state=0x22,ct_nw_proto=1,ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,"
        "ct_tp_src=8,ct_tp_dst=0"
    )
    packet = Packet("a", "b", "fd00::1", "fd00::2", "tcp", 443, 9, (7, "192.0.2.1", "192.0.2.2"))
    assert packet.flow(1) == (
        "in_port=1,tun_id=7,tun_src=192.0.2.1,tun_dst=192.0.2.2,tcp6,dl_src=a,dl_dst=b,"
        "ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=9,tcp_src=40000,tcp_dst=443,ct_state=0x22,"
        "ct_nw_proto=6,ct_ipv6_src=fd00::1,ct_ipv6_dst=fd00::2,ct_tp_src=40000,ct_tp_dst=443"
    )


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "a;b", "$(x)", ""])
def test_names_that_would_reach_a_shell_are_refused(host: str):
    with pytest.raises(CliError, match="no host name"):
        run_trace("echo {host}", host, "in_port=1")
    with pytest.raises(CliError, match="cannot be given"):
        run_trace("echo {host}", "h", "in_port=1;reboot")


def test_commands_that_fail_say_what_to_do():
    for template in ("/nowhere/ssh {host}", "false {host}", "", "'unbalanced"):
        with pytest.raises(CliError):
            run_trace(template, "h", "in_port=1")
    with pytest.raises(CliError, match="VNCTL_EXEC"):
        run_trace("false", "h", "in_port=1")


def test_one_way_of_datapath_actions():
    actions = "1,check_pkt_len(size=9,gt(meter(0),userspace(pid=0,x(y))),le(set(a(b)),2)),3"
    assert without_size_check(actions) == "1,set(a(b)),2,3"
    assert without_size_check(actions, larger=True) == "1,meter(0),userspace(pid=0,x(y)),3"
    assert without_size_check("2") == "2" and without_size_check("check_pkt_len(size=9") == "drop"
