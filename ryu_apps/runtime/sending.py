"""Repairs of os-ken's ``Datapath``: how messages leave."""

from __future__ import annotations

import functools
import socket
import threading
from collections import deque

from os_ken import cfg
from os_ken.controller import controller

CONF = cfg.CONF

QUEUE_BYTES = 4 * 1024 * 1024
"""Bytes that may wait to be written; a sender waits beyond that."""
WRITE_BYTES = 256 * 1024


class SendQueue:
    """What waits to be written on one connection, in order; bounded by its bytes.

    Any thread puts, one takes.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._bytes = 0
        self._open = True
        self._change = threading.Condition()

    def put(self, data: bytes, last: bool, wait: bool) -> bool:
        """Queue bytes; ``last``: nothing is written after them.  Waits while too much is queued if
        ``wait``.

        Returns False if nothing was queued: the queue is closed, or it would have had to wait.
        """
        with self._change:
            while self._open and self._bytes > QUEUE_BYTES:
                if not wait:
                    return False
                self._change.wait()
            if not self._open:
                return False
            self._waiting.append((data, last))
            self._bytes += len(data)
            self._change.notify_all()
        return True

    def take(self) -> tuple[bytes, bool] | None:
        """The next bytes to write, small messages joined, and whether they are the last; waits for
        them.  None: the queue is closed."""
        with self._change:
            while self._open and not self._waiting:
                self._change.wait()
            if not self._open:
                return None
            parts: list[bytes] = []
            size = 0
            last = False
            while self._waiting and size < WRITE_BYTES and not last:
                part, last = self._waiting.popleft()
                parts.append(part)
                size += len(part)
            self._bytes -= size
            self._change.notify_all()
        return (parts[0] if len(parts) == 1 else b"".join(parts)), last

    def close(self) -> None:
        """Forget what waits, and let nobody wait any more."""
        with self._change:
            self._open = False
            self._waiting.clear()
            self._bytes = 0
            self._change.notify_all()


def repair_sending() -> None:
    """``send`` let 16 messages wait, whatever their size, and wrote each with its own system call;
    ``_send_loop`` stayed in ``queue.get`` when the connection ended, which leaked the thread, its
    joiner and the Datapath, and hid the disconnect from the apps.

    Adds ``outgoing``, a :class:`SendQueue`, to the Datapath.
    """
    original = controller.Datapath.__init__

    @functools.wraps(original)
    def init(self: controller.Datapath, sock: socket.socket, address: object) -> None:
        self.outgoing = SendQueue()
        original(self, sock, address)

    controller.Datapath.__init__ = init
    controller.Datapath.send = _send
    controller.Datapath._send_loop = _send_loop


def _send(self: controller.Datapath, buf: bytes, close_socket: bool = False,
          wait: bool = True) -> bool:
    """Queue bytes (one message, or many packed together) in order.  Waits while too much is queued,
    unless told not to.

    Returns False if nothing was queued: the connection has ended, or it would have had to wait.
    """
    return self.outgoing.put(buf, close_socket, wait)


def _send_loop(self: controller.Datapath) -> None:
    stall = max(1.0, CONF.echo_request_interval) * (CONF.maximum_unreplied_echo_requests or 3)
    try:
        while (item := self.outgoing.take()) is not None:
            data, last = item
            self.transport.send_all(data, stall)
            if last:
                self.transport.shut(socket.SHUT_WR)
                break
    except OSError as error:
        self.disconnect(f"writing failed: {error}")
    finally:
        self.outgoing.close()
