"""Repairs of os-ken's ``Datapath``: the life of one OpenFlow connection."""

from __future__ import annotations

import functools
import logging
import socket
import threading

from os_ken import cfg
from os_ken.controller import controller
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER
from os_ken.lib import hub

from ryu_apps.connections.certified import certified_names
from ryu_apps.runtime.transport import Transport

LOG = logging.getLogger("vnc.openflow")
CONF = cfg.CONF


def register_options() -> None:
    """Options of ``[DEFAULT]`` about connections, and probing switched on by default."""
    CONF.register_opts([
        cfg.IntOpt("ofp_max_connections", default=2048,
                   help="OpenFlow connections at one time; more are closed at once. Half of them "
                   "are kept for the addresses of hypervisors that have joined."),
        cfg.IntOpt("ofp_max_connections_per_address", default=256,
                   help="OpenFlow connections from one address."),
        cfg.FloatOpt("ofp_handshake_timeout", default=8.0,
                     help="Seconds from connect to the end of the OpenFlow handshake; hypervisors "
                     "that have joined get eight times as many."),
    ])
    CONF.set_default("echo_request_interval", 5.0)
    CONF.set_default("maximum_unreplied_echo_requests", 3)


def peer_name(address: object) -> str:
    """ "127.0.0.1:40112" for a socket address of any family."""
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return str(address) or "unix socket"


def repair_serving() -> None:
    """``serve`` waited for its helper threads before it told anyone that the switch was gone; a
    closed Datapath went on until the peer closed too; an exception in a connection went up as an
    unhandled one.

    Adds ``transport``, ``certified`` (:func:`~ryu_apps.connections.certified.certified_names`),
    ``disconnect(reason)`` and ``close_reason`` to the Datapath.
    """
    construct = controller.Datapath.__init__

    @functools.wraps(construct)
    def init(self: controller.Datapath, sock: socket.socket, address: object) -> None:
        self.transport = Transport(sock)
        self.certified = certified_names(sock)
        self.close_reason = ""
        self._end_reported = False
        self._reporting = threading.Lock()
        construct(self, sock, address)
        sock.setblocking(False)

    controller.Datapath.__init__ = init
    controller.Datapath.serve = _serve
    controller.Datapath.close = lambda self: self.disconnect("closed by this node")
    controller.Datapath.disconnect = _disconnect
    controller.datapath_connection_factory = connection
    enter = controller.Datapath.set_state

    @functools.wraps(enter)
    def set_state(self: controller.Datapath, state: str) -> None:
        if self.state == DEAD_DISPATCHER:
            return
        if state == MAIN_DISPATCHER and self.state != state:
            LOG.info("switch %016x connected from %s, OpenFlow version 0x%02x", self.id or 0,
                     peer_name(self.address), self.ofproto.OFP_VERSION)
        enter(self, state)

    controller.Datapath.set_state = set_state


def _disconnect(self: controller.Datapath, reason: str) -> None:
    """Close the connection; from any thread.  ``reason`` goes to the log."""
    self.close_reason = self.close_reason or reason
    self.outgoing.close()
    self.transport.shut()
    with self._reporting:
        first, self._end_reported = not self._end_reported, True
    if first:
        self.set_state(DEAD_DISPATCHER)


def _serve(self: controller.Datapath) -> None:
    sender = hub.spawn(self._send_loop)
    reason = "internal error"
    try:
        self.send_msg(self.ofproto_parser.OFPHello(self))
        reason = self._recv_loop()
    except OSError as error:
        reason = f"reading failed: {error}"
    except Exception:  # the outermost boundary of this connection's thread
        LOG.exception("connection from %s", peer_name(self.address))
    finally:
        was_up = self.id is not None
        self.disconnect(reason)
        self.is_active = False
        sender.join(2.0)
        self.transport.close()
        LOG.log(logging.INFO if was_up else logging.WARNING, "%s: %s",
                f"switch {self.id:016x} disconnected" if was_up
                else f"connection from {peer_name(self.address)} closed", self.close_reason)


def connection(sock: socket.socket, address: object) -> None:
    """Serve one accepted (or made) connection to its end.  Never raises."""
    try:
        datapath = controller.Datapath(sock, address)
    except OSError as error:
        LOG.warning("connection from %s lost at once: %s", peer_name(address), error)
        sock.close()
        return
    datapath.serve()
