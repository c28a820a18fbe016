"""Reach a TCP service inside a namespace from the host's loopback.

A socket belongs for life to the namespace it was made in.  So the lab binds the listener on the
host and hands it to ``ip netns exec <namespace> python -m lab.hosts.forward``: what is accepted
there came from the host, what is connected there stays inside.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys

from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon

CHUNK = 65536


class Forwarder:
    """Host 127.0.0.1:``port`` (0: any free one) to ``address``:``target`` inside ``space``."""

    def __init__(
        self, journal: Journal, name: str, space: Namespace, port: int, address: str, target: int,
    ) -> None:
        self.port = port
        self._argv = [sys.executable, "-m", "lab.hosts.forward", "--to", f"{address}:{target}"]
        self._journal = journal
        self._name = name
        self._space = space

    def start(self) -> None:
        """Raises OSError with a clear text when the host's port is taken."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", self.port))
            except OSError as error:
                raise OSError(
                    error.errno, f"port {self.port} of this host is taken; name others by "
                    "API_PORTS=9796,9797"
                ) from error
            listener.listen(128)
            self.port = listener.getsockname()[1]
            daemon = Daemon(
                self._journal, self._name, [*self._argv, "--listener", str(listener.fileno())],
                self._journal.directory / "forward", self._space,
            )
            daemon.start(pass_fds=(listener.fileno(),))
        self._journal.add("api", node=self._space.host, port=self.port)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def _serve(listener: socket.socket, address: str, port: int) -> None:
    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(address, port)
        except OSError as error:
            print(f"{address}:{port}: {error}", flush=True)
            writer.close()
            return
        for end in (writer, inner_writer):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        inner_writer.close()
        writer.close()

    server = await asyncio.start_server(accepted, sock=listener)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.hosts.forward")
    parser.add_argument("--listener", type=int, required=True, help="inherited file descriptor")
    parser.add_argument("--to", required=True, metavar="ADDRESS:PORT")
    options = parser.parse_args()
    address, _, port = options.to.rpartition(":")
    listener = socket.socket(fileno=options.listener)
    asyncio.run(_serve(listener, address, int(port)))


if __name__ == "__main__":
    main()
