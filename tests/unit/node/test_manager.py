"""The launcher, run as a program."""

from __future__ import annotations

import logging
import signal
import socket
import time

import pytest

from ryu_apps import settings
from ryu_apps.log_lines import LineFormatter
from tests.unit.node.manager_support import ROOT, errors, read_until, run, start, write_app


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_version_and_help():
    status, output = run("--version")
    assert status == 0 and output.startswith("ryu-manager (vnc) ")
    status, output = run("--help")
    assert status == 0
    for option in ("--config-file", "--config-dir", "--ofp-tcp-listen-port", "--verbose",
                   "--ofp-ssl-listen-port", "--ofp-listen-host", "--ctl-privkey", "--ctl-cert",
                   "--ca-certs", "--log-file", "--log-dir", "--default-log-level", "--use-stderr",
                   "--use-syslog", "--observe-links", "--app-lists", "--pid-file", "--user-flags"):
        assert option in output


@pytest.mark.parametrize("arguments, status, text", [
    (["--no-such-option"], 2, "unrecognized arguments: --no-such-option"),
    (["--ofp-tcp-listen-port", "abc"], 2, "abc"),
    (["--config-file", "/nowhere/node.conf"], 2, "/nowhere/node.conf"),
    (["--config-dir", "/nowhere"], 2, "/nowhere"),
    (["no.such.module"], 1, "no such module: no.such.module"),
    (["ryu_apps.no_such"], 1, "no such module: ryu_apps.no_such"),
    (["./nothing.py"], 1, "no such file: ./nothing.py"),
    (["--log-file", "/nowhere/log"], 1, "/nowhere/log"),
    (["--pid-file", "/nowhere/pid"], 1, "/nowhere/pid"),
    (["--ofp-ssl-listen-port", "16653"], 1, "--ctl-privkey"),
    (["--ctl-privkey", "k.pem", "--ctl-cert", "c.pem"], 1, "k.pem"),
    (["--ofp-listen-host", "192.0.2.77", "--ofp-tcp-listen-port", "16653"], 1, "192.0.2.77:16653"),
])
def test_mistakes_get_one_line(arguments, status, text):
    got, output = run(*arguments)
    assert got == status, output
    assert len(errors(output)) == 1 and text in errors(output)[0]
    assert "Traceback" not in output


@pytest.mark.parametrize("content, text", [
    ("no section", "node.conf"), ("[store]\nbackend = paper\n", "[store] backend"),
    ("[api]\nport = many\n", "[api] port"),
])
def test_bad_configuration_files(tmp_path, content, text):
    file = tmp_path / "node.conf"
    file.write_text(content)
    status, output = run("--config-file", str(file))
    assert status == 2 and text in errors(output)[0] and "Traceback" not in output


@pytest.mark.parametrize("content,text", [
    ("[api]\ncert_file = /nowhere/c.pem\n", "[api] cert_file: No such file"),
    ("[vpn]\nmac_prefix = zz\n", "[vpn] mac_prefix 'zz'"),
    ("[api]\nhost = 0.0.0.0\n", "0.0.0.0 is not a loopback address and [api] auth is none"),
])
def test_what_cannot_start_names_the_option(tmp_path, content, text):
    path = tmp_path / "node.conf"
    path.write_text("[store]\nbackend = memory\n[bgp]\nlisten =\n[ovsdb]\n"
                    f"listen = ptcp:0:127.0.0.1\n{content}")
    status, output = run("ryu_apps.vnc_node", "--config-file", str(path))
    assert status == 1 and text in errors(output)[0], output


def test_options_that_nobody_reads_are_named(tmp_path):
    path = tmp_path / "node.conf"
    path.write_text("[api]\nprot = 1\nport = 0\n[apis]\nx = 1\n[my_app]\ny = 1\n[bgp]\nzzz = 1\n"
                    "[vpm]\nx = 1\n")
    assert settings.unknown([str(path)]) == [
        f"{path}: [api] prot is no option; is it port?",
        f"{path}: section [apis] is not read; is it [api]?",
        f"{path}: [bgp] zzz is no option",
        f"{path}: section [vpm] is not read; is it [vpn]?",
    ]
    app = write_app(tmp_path, "quiet", "pass")
    process = start("--config-file", str(path), str(app))
    try:
        assert "WARNING" in read_until(process, "is it port?").splitlines()[-1]
        assert "WARNING" in read_until(process, "[my_app] is not read by any").splitlines()[-1]
    finally:
        process.kill()
        process.wait()
    assert settings.unknown([str(ROOT / "configs" / name) for name in (
        "node.conf", "single-node.conf", "cluster/node1.conf")]) == []


def test_sections_of_other_applications_are_theirs(tmp_path):
    path = tmp_path / "node.conf"
    path.write_text("[my_app]\ny = 1\n")
    app = write_app(tmp_path, "quiet", "def start(self):\n    super().start()\n"
                    "    print('up', flush=True)",
                    "from os_ken.cfg import CONF, StrOpt\nfrom oslo_config import cfg\n"
                    "CONF.register_opts([cfg.StrOpt('y')], group='my_app')\n")
    process = start("--config-file", str(path), str(app))
    try:
        said = read_until(process, "up")
        process.terminate()
        said += process.communicate(timeout=30)[0] or ""
        assert "is not read" not in said
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("body, text", [
    ("def __init__(self, *a, **k): raise ValueError('no\\nluck')", "ValueError: no luck"),
    ("OFP_VERSIONS = []", "No OpenFlow version is available"),
    ("def (", "SyntaxError"),
])
def test_apps_that_cannot_start(tmp_path, body, text):
    path = write_app(tmp_path, "broken", body)
    status, output = run(str(path))
    assert status == 1 and text in errors(output)[0] and "Traceback" not in output
    status, output = run(str(path), "--verbose")
    assert status == 1 and "Traceback" in output


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, output = run("--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", port)
    assert status == 1
    assert errors(output) == [f"ryu-manager: cannot listen for OpenFlow on 127.0.0.1:{port}: "
                              "Address already in use"]


def test_an_app_without_openflow_opens_no_port_and_reads_its_options(tmp_path):
    path = write_app(tmp_path, "quiet", """
        def start(self):
            super().start()
            print("option", self.CONF.colour, self.CONF.node.name, flush=True)
    """, "from os_ken.cfg import CONF, StrOpt\n"
         "CONF.register_cli_opts([StrOpt('colour', default='none')])\n")
    file = tmp_path / "node.conf"
    file.write_text("[DEFAULT]\ncolour = blue\n[node]\nname = n1\n")
    pid_file = tmp_path / "pid"
    process = start(str(path), "--config-file", str(file), "--pid-file", str(pid_file))
    output = read_until(process, "option blue n1")
    assert pid_file.read_text() == f"{process.pid}\n"
    process.send_signal(signal.SIGTERM)
    output += process.communicate(timeout=5)[0]
    assert process.returncode == 0
    assert "listening" not in output
    assert not pid_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_and_calls_every_close(tmp_path, number):
    hang = write_app(tmp_path, "hang", """
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.name = "hang"

        def start(self):
            super().start()
            import threading
            threading.Thread(target=threading.Event().wait).start()  # no daemon

        def close(self):
            import time
            time.sleep(60)
    """)
    fails = write_app(tmp_path, "fails", """
        def close(self):
            print("fails closes", flush=True)
            raise ValueError("x")
    """)
    good = write_app(tmp_path, "good", """
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.name = "good"

        def close(self):
            print("good closes", flush=True)
    """)
    log = tmp_path / "log"
    process = start(str(hang), str(fails), str(good), "os_ken.controller.ofp_handler",
                    "--ofp-tcp-listen-port", free_port(), "--log-file", str(log))
    read_until(process, "listening")
    began = time.monotonic()
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    assert time.monotonic() - began < 8  # three seconds on an idle machine
    assert "fails closes" in output and "good closes" in output
    assert "close hang did not end" in output
    assert "stopping" in log.read_text()


def test_a_second_signal_ends_at_once(tmp_path):
    path = write_app(tmp_path, "slow", """
        def close(self):
            print("closing", flush=True)
            import time
            time.sleep(60)
    """)
    process = start(str(path), "--ofp-tcp-listen-port", free_port())
    read_until(process, "instantiating")
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    read_until(process, "closing")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM


def test_log_lines_have_time_level_and_logger(tmp_path):
    path = write_app(tmp_path, "logs", """
        def start(self):
            super().start()
            self.logger.warning("first\\nsecond")
            import os, signal
            os.kill(os.getpid(), signal.SIGTERM)
    """)
    _, output = run(str(path), "--default-log-level", "30")
    assert len(output.splitlines()) == 1
    stamp, level, logger, text = output.strip().split(" ", 3)
    assert stamp.endswith("Z") and "T" in stamp
    assert (level, logger, text) == ("WARNING", "App:", "first\\nsecond")


@pytest.mark.parametrize("text", [
    "\x1b[31mred", "a\r\nb", "\u202eevil\u2066", "\ud800", "\u2028", "\x00", "\x9b1m", "\x7f",
])  # fmt: skip
def test_what_cannot_be_shown_is_escaped_in_the_log(text):
    formatter = LineFormatter("%(message)s")
    record = logging.makeLogRecord({"msg": f"h\u00f6st {text}"})
    line = formatter.format(record)
    assert line.isprintable() and line.startswith("h\u00f6st ") and len(line) > len("host ")
    line.encode()
    try:
        raise ValueError(text)
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "m", "exc_info": (type(error), error, None)})
    lines = formatter.format(record).split("\n")
    assert all(one.isprintable() for one in lines)
    assert lines[-1].startswith("ValueError") or "\n" in text
