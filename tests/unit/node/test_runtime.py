"""Each repair of os-ken's runtime: a script that prints "good" with it and does not without.

The scripts run in processes of their own, because a repair cannot be taken back.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ryu_apps.runtime import REPAIRS

ROOT = Path(__file__).resolve().parents[3]

PRELUDE = """
import logging, os, queue, socket, struct, sys, threading, time
skip = set(sys.argv[1:])
from ryu_apps import runtime
runtime.install(skip=skip)
runtime.install(skip=skip)
from os_ken import cfg
from os_ken.base import app_manager
from os_ken.controller import controller, ofp_event, ofp_handler
from os_ken.lib import hub
CONF = cfg.CONF
CONF(args=[], project="t", default_config_files=[], default_config_dirs=[])
logging.basicConfig(level=logging.CRITICAL)

def say(good):
    print("good" if good else "bad", flush=True)
    os._exit(0)

def late(seconds, good=False):
    # Without a repair there is no need to wait long for what will not come.
    timer = threading.Timer(min(seconds, 2) if skip else seconds, say, (good,))
    timer.daemon = True
    timer.start()

class Brick:
    states = []
    def send_event_to_observers(self, ev, state=None):
        if isinstance(ev, ofp_event.EventOFPStateChange):
            self.states.append(state)
    def get_handlers(self, ev, state=None):
        return []

def serve():
    ours, theirs = socket.socketpair()
    class NoDelay(socket.socket):  # a socket pair has no TCP options
        def setsockopt(self, *a): pass
    ours = NoDelay(ours.family, ours.type, 0, ours.detach())
    brick = Brick()
    app_manager.SERVICE_BRICKS["ofp_event"] = brick
    thread = threading.Thread(target=controller.datapath_connection_factory,
                              args=(ours, ("peer", 1)), daemon=True)
    thread.start()
    theirs.settimeout(10)
    return theirs, thread, brick
"""

SCRIPTS = {
    "task_exit": """
        # An exception in a handler does not end the app's event thread.
        class App(app_manager.OSKenApp):
            pass
        class Ev(app_manager.event.EventBase):
            pass
        app, got = App(), threading.Event()
        calls = []
        def handler(ev):
            calls.append(1)
            if len(calls) == 1:
                raise ValueError("fault")
            got.set()
        app.register_handler(Ev, handler)
        app.start()
        for _ in range(2):
            app._send_event(Ev(), None)
        say(got.wait(2))
    """,
    "event_wait": """
        late(3)
        say(hub.Event().wait(timeout=0.1) is False)
    """,
    "daemon_threads": """
        thread = hub.spawn(threading.Event().wait)
        say(thread.daemon and "wait" in thread.name)
    """,
    "kill": """
        late(5)
        def work():
            while True:
                hub.sleep(0.05)
        thread = hub.spawn(work)
        thread.kill()
        hub.joinall([thread])
        say(not thread.is_alive())
    """,
    "event_queue": """
        # A slow app blocks no sender, and its queue is bounded all the same.
        class App(app_manager.OSKenApp):
            pass
        late(5)
        app = App()
        message = ofp_event.EventOFPHello(None)
        state = ofp_event.EventOFPStateChange(None)
        for _ in range(20000):
            app._send_event(message, None)
        app._send_event(state, None)
        say(app.events_dropped > 10000 and app.events.qsize() < 10000
            and app.events.queue[-1][0] is state)
    """,
    "stop": """
        class App(app_manager.OSKenApp):
            def close(self):
                closed.append(self)
                raise ValueError("fault")
        class Ev(app_manager.event.EventBase):
            pass
        late(6)
        closed = []
        one, two = App(), App()
        two.name = "two"
        for app in (one, two):
            app_manager.register_app(app)
            app.register_handler(Ev, lambda ev: threading.Event().wait())
            app.start()
            app._send_event(Ev(), None)
        manager = app_manager.AppManager()
        manager.applications = {"App": one, "two": two}
        manager.close()
        say(closed == [one, two])
    """,
    "sending+serving+receiving": """
        # A disconnect is told to the apps and leaves no thread behind.
        late(6)
        before = threading.active_count()
        theirs, thread, brick = serve()
        theirs.recv(8)
        time.sleep(0.3)
        theirs.close()
        thread.join(3)
        left = [t for t in threading.enumerate() if "_loop" in t.name]
        say("dead" in brick.states and not thread.is_alive() and not left)
    """,
    "receiving": """
        # Garbage, a stopped handshake and a silent peer are closed.
        CONF.set_override("ofp_handshake_timeout", 0.5)
        for data in (b"GET / HTTP/1.1\\r\\n\\r\\n", struct.pack("!BBHI", 5, 0, 4, 0), b"",
                     struct.pack("!BBHI", 5, 0, 64, 0)):
            theirs, thread, brick = serve()
            late(6)
            theirs.sendall(data)
            thread.join(4)
            if thread.is_alive():
                say(False)
        say(True)
    """,
    "listening": """
        # A port in use is an error of the one who starts the listener.
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            CONF.set_override("ofp_listen_host", "127.0.0.1")
            CONF.set_override("ofp_tcp_listen_port", taken.getsockname()[1])
            try:
                ofp_handler.OFPHandler().start()
            except runtime.ListenError as error:
                say("Address already in use" in str(error))
            time.sleep(0.3)
            say(False)
    """,
}


def run(script: str, *skip: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script), *skip], cwd=ROOT, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=30, capture_output=True)
    return done.stdout.strip() or "bad: " + done.stderr[-800:]


def test_every_repair_has_a_script():
    assert {name for key in SCRIPTS for name in key.split("+")} == set(REPAIRS)


WITHOUT = {"receiving": ("sending", "serving", "receiving")}
"""What to leave out where a repair needs others."""


@pytest.fixture(scope="module")
def outcomes():
    """(names, repaired or not) -> what the script said; all of them, four at a time."""
    cases = [(names, repaired) for names in SCRIPTS for repaired in (True, False)]

    def outcome(case: tuple[str, bool]) -> str:
        names, repaired = case
        skip = () if repaired else WITHOUT.get(names, names.split("+"))
        return run(SCRIPTS[names], *skip)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(cases, pool.map(outcome, cases), strict=True))


@pytest.mark.parametrize("names", SCRIPTS)
def test_repair(names, outcomes):
    assert outcomes[names, True] == "good"


@pytest.mark.parametrize("names", SCRIPTS)
def test_what_it_is_like_without(names, outcomes):
    assert outcomes[names, False] != "good"


def test_a_hypervisor_that_has_joined_may_take_longer_for_its_handshake():
    """ovs-vswitchd with 5,000 ports of type dummy answered 30 s after it had connected."""
    assert run("""
        late(12)
        CONF.set_override("ofp_handshake_timeout", 0.5)
        theirs, thread, brick = serve()
        runtime.expect(frozenset({"peer"}))
        thread.join(2)
        patient = thread.is_alive()
        runtime.expect(frozenset())
        thread.join(3)
        say(patient and not thread.is_alive())
    """) == "good"


def test_a_connection_that_nobody_wants_ends_in_time():
    assert run("""
        late(12)
        theirs, thread, brick = serve()
        theirs.recv(8)
        dp, = [o for o in __import__("gc").get_objects() if isinstance(o, controller.Datapath)]
        dp.id = 7
        dp.set_state("main")
        dp.expires = time.monotonic()
        thread.join(9)
        say(dp.close_reason == "no hypervisor that has joined has this switch")
    """) == "good"


@pytest.mark.parametrize("limit", ["ofp_max_connections", "ofp_max_connections_per_address"])
def test_the_connections_are_bounded_and_freed(limit):
    assert run("""
        from ryu_apps import runtime
        runtime.expect(frozenset({"127.0.0.1"}))
        CONF.set_override("ofp_listen_host", "127.0.0.1")
        CONF.set_override("ofp_tcp_listen_port", 0)
        CONF.set_override("LIMIT", 3)
        listener_port = socket.socket()
        listener_port.bind(("127.0.0.1", 0))
        port = listener_port.getsockname()[1]
        listener_port.close()
        CONF.set_override("ofp_tcp_listen_port", port)
        handler = ofp_handler.OFPHandler()
        app_manager.register_app(handler)
        handler.start()
        late(10)
        def connect():
            sock = socket.create_connection(("127.0.0.1", port), 5)
            return sock, bool(sock.recv(8))
        socks = [connect() for _ in range(5)]
        assert [ok for _, ok in socks] == [True] * 3 + [False] * 2, socks
        socks[0][0].close()
        while not connect()[1]:
            time.sleep(0.05)
        handler.close()
        try:
            connect()
            say(False)
        except OSError:
            say(handler.controller.refused >= 2)
    """.replace("LIMIT", limit)) == "good"


def test_a_peer_that_takes_nothing_is_cut_off():
    assert run("""
        late(12)
        CONF.set_override("echo_request_interval", 1.0)
        CONF.set_override("maximum_unreplied_echo_requests", 1)
        theirs, thread, brick = serve()
        theirs.recv(8)
        for dp in [o for o in __import__("gc").get_objects()
                   if isinstance(o, controller.Datapath)]:
            sent = 0
            while dp.send(bytes(100000)):
                sent += 1
                if sent > 1000:
                    say(False)
            thread.join(3)
            say("took no data" in dp.close_reason and not thread.is_alive())
    """) == "good"


def test_small_messages_are_joined_and_stay_in_order():
    assert run("""
        late(12)
        theirs, thread, brick = serve()
        theirs.recv(8)
        dp, = [o for o in __import__("gc").get_objects() if isinstance(o, controller.Datapath)]
        def write():
            for number in range(100000):
                dp.send(struct.pack("!I", number))
        threading.Thread(target=write, daemon=True).start()
        got = b""
        while len(got) < 400000:
            got += theirs.recv(1 << 20)
        say(got == struct.pack("!100000I", *range(100000)))
    """) == "good"


def test_a_silent_switch_is_probed_and_cut_off():
    assert run("""
        late(12)
        CONF.set_override("echo_request_interval", 0.5)
        CONF.set_override("maximum_unreplied_echo_requests", 2)
        theirs, thread, brick = serve()
        theirs.recv(8)
        dp, = [o for o in __import__("gc").get_objects() if isinstance(o, controller.Datapath)]
        dp.id = 7
        dp.set_state("main")
        kinds = []
        while (data := theirs.recv(8)):
            kinds.append(data[1])
        thread.join(3)
        say(kinds == [2, 2] and dp.close_reason == "no answer to 2 echo requests")
    """) == "good"


def test_the_raw_hook_takes_what_it_wants():
    assert run("""
        late(12)
        theirs, thread, brick = serve()
        theirs.recv(8)
        dp, = [o for o in __import__("gc").get_objects() if isinstance(o, controller.Datapath)]
        taken, done = [], threading.Event()
        def hook(kind, xid, message):
            taken.append((kind, xid, message))
            if xid == 3:
                done.set()
            return kind == 19
        dp.raw_hook = hook
        dp.set_version(5)
        dp.state = "main"
        bodies = [struct.pack("!BBHI", 5, kind, 8 + size, xid) + bytes(size)
                  for xid, (kind, size) in enumerate([(19, 3), (21, 0), (19, 60000), (19, 9)])]
        echo = struct.pack("!BBHI", 5, 2, 8, 77)  # Answered before any hook is asked.
        stream = echo.join(bodies)
        for at in range(0, len(stream), 7001):
            theirs.sendall(stream[at:at + 7001])
            time.sleep(0.01)
        done.wait(5)
        say([m for _, _, m in taken] == bodies)
    """) == "good"


def test_many_threads_share_two_heaps():
    script = """
import ctypes, re, sys, tempfile, threading
from ryu_apps.runtime import limit_arenas
if sys.argv[1] == "limited" and not limit_arenas():
    sys.exit("no mallopt")
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
together = threading.Barrier(16)
def take():
    together.wait()
    for _ in range(2000):
        libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    out = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, out)
    libc.fclose(out)
    print(len(re.findall("<heap nr", open(file.name).read())))
"""
    heaps = {
        how: int(subprocess.run([sys.executable, "-c", script, how], cwd=ROOT, check=True,
                                capture_output=True, text=True, timeout=60).stdout)
        for how in ("limited", "not")
    }
    assert heaps["limited"] <= 2 < heaps["not"]
