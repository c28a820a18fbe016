"""A metadata service that speaks to its proxies as Nova does, and knows each instance's user data.

Runs in a namespace: ``python -m lab.hosts.metadata ADDRESS PORT SECRET``.  Without a valid
signature it says 403.  ``/latest/meta-data/`` tells who asks, ``/latest/user-data`` has 64 KiB that
are each instance's own; ``/chunked`` says the same in chunks, ``/hang`` never answers,
``/status/N`` answers N, ``/cut`` stops in the middle, ``/huge`` has 8 MiB.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon
from lab.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
USER_DATA = 65536
SECRET = "the secret of the lab"


class MetadataHost:
    """The process."""

    def __init__(self, space: Namespace, journal: Journal, address: str, port: int) -> None:
        self.daemon = Daemon(
            journal, "metadata",
            [sys.executable, "-m", "lab.hosts.metadata", address, str(port), SECRET],
            journal.directory / f"metadata-{space.host}", space,
            {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip

    def start(self) -> None:
        ready = self.daemon.log.read_text().count("ready") if self.daemon.log.exists() else 0
        self.daemon.start()
        wait_until(lambda: self.daemon.log.read_text().count("ready") > ready,
                   "a metadata service that listens", 20, log=self.daemon.log)

    def kill(self) -> None:
        self.daemon.kill()


def user_data(instance: str) -> bytes:
    """64 KiB, another for each instance."""
    line = f"#cloud-config of {instance}\n".encode()
    return (line * (USER_DATA // len(line) + 1))[:USER_DATA]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secret = b""

    def do_GET(self) -> None:
        instance = self.headers.get("X-Instance-ID", "")
        signed = hmac.new(self.secret, instance.encode(), hashlib.sha256).hexdigest()
        path = self.path.partition("?")[0]
        if not hmac.compare_digest(signed, self.headers.get("X-Instance-ID-Signature", "")):
            self._say(403, b"Invalid proxy request signature.")
        elif path == "/latest/meta-data/":
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._say(200, json.dumps({
                "instance": instance, "project": self.headers["X-Tenant-ID"],
                "address": self.headers["X-Forwarded-For"], "method": self.command,
                "path": self.path, "body": body.decode(),
                "headers": sorted(name.lower() for name in self.headers),
            }).encode(), "application/json")  # fmt: skip
        elif path == "/latest/user-data":
            self._say(200, user_data(instance), "application/octet-stream")
        elif path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            data = user_data(instance)
            for at in range(0, len(data), 10000):
                piece = data[at : at + 10000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/hang":
            threading.Event().wait(120)
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif path == "/huge":
            self._say(200, bytes(1 << 23))
        elif path.startswith("/status/"):
            self._say(int(path.rpartition("/")[2]), b"as you like it\n")
        else:
            self._say(404, b"no such thing\n")

    do_HEAD = do_POST = do_PUT = do_GET

    def _say(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        print(format % args, flush=True)


def server(address: str, port: int, secret: str) -> ThreadingHTTPServer:
    """Listens; to be served by :meth:`serve_forever`."""
    handler = type("Served", (Handler,), {"secret": secret.encode()})
    made = ThreadingHTTPServer((address, port), handler)
    made.daemon_threads = True
    made.request_queue_size = 128
    return made


def main() -> None:
    address, port, secret = sys.argv[1:]
    made = server(address, int(port), secret)
    print("ready", flush=True)
    made.serve_forever()


if __name__ == "__main__":
    main()
