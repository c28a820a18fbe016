"""What a valid client feels of others who guess passwords and tokens.

    python -m bench logins [--seconds 5] [--connections 50] [--sources 1 40]

One node with ``[api] auth = tokens`` on this host, SQLite.  A client of a project lists networks
over one connection, one request after the other; first alone (calm), then while another process
sends logins with a wrong password, or requests with a wrong token, as fast as they are answered,
over so many connections: kept open, or one for each request.  They come from one source, or from
several addresses of 127.0.0.0/8.  ``ratio``: the median of the client's answers to the calm one.
``login``: how long logins with the right password take meanwhile, from a source of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bench.tables import grid

ROOT = pathlib.Path(__file__).resolve().parents[1]
HOST, PASSWORD, CLIENT = "127.0.0.1", "the right one", "127.0.0.2"
KINDS = {
    "wrong token": ("token", True), "wrong token, new connections": ("token", False),
    "wrong password": ("login", True), "wrong password, new connections": ("login", False),
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


@contextmanager
def node() -> Iterator[int]:
    """A node with an administrator; its port."""
    port, openflow = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        config, secret = pathlib.Path(directory, "node.conf"), pathlib.Path(directory, "password")
        config.write_text(
            f"[DEFAULT]\nofp_listen_host = {HOST}\nofp_tcp_listen_port = {openflow}\n"
            f"[store]\npath = {directory}/config.db\n[ovsdb]\nlisten = ptcp:{free_port()}:{HOST}\n"
            f"[api]\nport = {port}\nauth = tokens\n"
        )
        secret.write_text(PASSWORD)
        python = [sys.executable, "-m"]
        subprocess.run(
            [*python, "ryu_apps.cli.vnctl", "identity", "bootstrap", "--config-file", str(config),
             "--password-file", str(secret)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        log = open(pathlib.Path(directory, "log"), "wb")  # noqa: SIM115 - the process has it
        process = subprocess.Popen(
            [*python, "ryu_apps.manager", "ryu_apps.vnc_node", "--config-file", str(config)],
            cwd=ROOT, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    socket.create_connection((HOST, port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(20)
            log.close()


def login_body(password: str) -> bytes:
    user = {"name": "admin", "domain": {"id": "default"}, "password": password}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    return json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": user}},
                                "scope": scope}}).encode()


def login(port: int) -> str:
    """A token; asked for again as the node says where it has too many logins.  Raises urllib's
    errors."""
    request = urllib.request.Request(
        f"http://{HOST}:{port}/v3/auth/tokens", data=login_body(PASSWORD), method="POST")
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return str(answer.headers["X-Subject-Token"])
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(int(error.headers["Retry-After"]))


def request_of(kind: str, token: str, keep: bool) -> bytes:
    more = "" if keep else "Connection: close\r\n"
    if kind == "token":
        return (f"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n{more}X-Auth-Token: {token}"
                "\r\n\r\n").encode()
    body = login_body("a wrong one")
    return (f"POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}"
            "\r\n\r\n").encode() + body


# ------------------------------------------------------------ those who guess


def flood(port: int, kind: str, keep: bool, seconds: float, connections: int, sources: int) -> None:
    """A process of its own; prints requests and answers by status."""
    token = "gAAAAAB" + "x" * 180
    data = request_of(kind, token, keep)
    selector, counts, sent = selectors.DefaultSelector(), Counter[str](), 0
    places = [f"127.0.1.{number + 1}" for number in range(sources)]

    def connect(place: str) -> int:
        found = socket.socket()
        try:
            found.bind((place, 0))
            found.settimeout(2)
            found.connect((HOST, port))
            found.sendall(data)
        except OSError:
            counts["refused"] += 1
            found.close()
            return 0
        found.setblocking(False)
        selector.register(found, selectors.EVENT_READ, place)
        return 1

    for number in range(connections):
        sent += connect(places[number % sources])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in selector.select(0.05):
            found = key.fileobj
            assert isinstance(found, socket.socket)
            try:
                answer = found.recv(65536)
            except OSError:
                answer = b""
            if answer.startswith(b"HTTP/1.1 "):
                counts[answer[9:12].decode()] += 1
                if keep:
                    try:
                        found.send(data)
                        sent += 1
                        continue
                    except OSError:
                        pass
            else:
                counts["closed"] += 1
            selector.unregister(found)
            found.close()
            sent += connect(key.data)
    print(json.dumps({"sent": round(sent / seconds), "answers": counts}))


# ------------------------------------------------------------ the client


class Felt(NamedTuple):
    median: float
    """Milliseconds."""
    p99: float
    login: float


def client(port: int, token: str, seconds: float) -> Felt:
    data = request_of("token", token, True)
    times, logins = [], []
    with socket.create_connection((HOST, port), 10, (CLIENT, 0)) as found:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.perf_counter()
            found.sendall(data)
            answer = found.recv(65536)
            times.append(time.perf_counter() - begun)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    for _ in range(3):
        begun = time.perf_counter()
        login(port)
        logins.append(time.perf_counter() - begun)
    times.sort()
    return Felt(*(round(value * 1000, 2) for value in (
        statistics.median(times), times[int(len(times) * 0.99)], statistics.median(logins))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--sources", type=int, nargs="+", default=[1, 40])
    options = parser.parse_args()
    rows = [["", "sources", "sent/s", "answers", "median, ms", "p99, ms", "login, ms", "ratio"]]
    with node() as port:
        token = login(port)
        client(port, token, 1)
        calm = client(port, token, options.seconds)
        rows.append(["calm", "", "", "", *map(str, calm), "1.0"])
        for name, (kind, keep) in KINDS.items():
            for sources in options.sources:
                time.sleep(5)  # What the former one owes is forgiven.
                process = subprocess.Popen(
                    [sys.executable, __file__, "--flood", str(port), kind, str(int(keep)),
                     str(options.seconds + 4), str(options.connections), str(sources)],
                    stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
                time.sleep(1.5)
                felt = client(port, token, options.seconds)
                found = json.loads(process.communicate()[0])
                answers = ", ".join(f"{count} {what}" for what, count in found["answers"].items())
                rows.append([name, str(sources), str(found["sent"]), answers, *map(str, felt),
                             f"{felt.median / calm.median:.1f}"])
                print(grid([rows[0], rows[-1]]), flush=True)
    print(f"\n{grid(rows)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--flood"]:
        where, what, kept, during, many, several = sys.argv[2:]
        flood(int(where), what, kept == "1", float(during), int(many), int(several))
    else:
        main()
