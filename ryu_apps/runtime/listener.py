"""Repairs of os-ken's ``OpenFlowController``: the listening sockets."""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import threading
import time

from os_ken import cfg
from os_ken.controller import controller, ofp_handler
from os_ken.lib import hub
from os_ken.ofproto import ofproto_common

from ryu_apps.connections.limits import ConnectionLimits
from ryu_apps.connections.peer_address import plain_address
from ryu_apps.connections.tls_files import TlsFiles
from ryu_apps.runtime.channel import peer_name
from ryu_apps.runtime.expected import is_expected
from ryu_apps.supervision import guarded

LOG = logging.getLogger("vnc.openflow")
CONF = cfg.CONF


class ListenError(Exception):
    """A listening socket or its TLS credentials cannot be used; the text says which and why."""


def repair_listening() -> None:
    """The sockets were bound inside threads, so a port in use left a process that listens to
    nothing; an error of ``accept`` ended the listener; the TLS handshake had no deadline; the
    number of connections no bound; ``ciphers`` raised a TypeError; nothing ever closed the sockets.

    Sockets are now bound by ``OFPHandler.start`` in the caller's thread, which raises ListenError.
    The legacy port 6633 is still opened when no port is configured, if it is free.
    """
    controller.OpenFlowController.__init__ = _init
    controller.OpenFlowController.__call__ = _accept_loop
    controller.OpenFlowController.stop = _stop

    def close(self: ofp_handler.OFPHandler) -> None:
        if self.controller is not None:
            self.controller.stop()

    ofp_handler.OFPHandler.close = close


def tls_files() -> TlsFiles | None:
    """Of the configured key and certificate, None without.  Raises ListenError."""
    if CONF.ctl_privkey is None and CONF.ctl_cert is None:
        return None
    if CONF.ctl_privkey is None or CONF.ctl_cert is None:
        raise ListenError("--ctl-privkey and --ctl-cert must be given together")
    try:
        return TlsFiles("OpenFlow", _context, CONF.ctl_cert, [CONF.ctl_privkey, CONF.ca_certs])
    except OSError as error:
        raise ListenError(str(error)) from error


def _context() -> ssl.SSLContext:
    """Raises OSError that names the files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if CONF.ciphers is not None:
            context.set_ciphers(CONF.ciphers)
        context.load_cert_chain(CONF.ctl_cert, CONF.ctl_privkey)
        if CONF.ca_certs is not None:
            context.load_verify_locations(CONF.ca_certs)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise OSError(f"TLS credentials for OpenFlow ({CONF.ctl_cert}, {CONF.ctl_privkey}, "
                      f"{CONF.ca_certs}): {error}") from error
    return context


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise ListenError(f"cannot listen for OpenFlow on {host}:{port}: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen for OpenFlow on {host}:{port}: "
                          f"{error.strerror or error}") from error
    listener.setblocking(False)
    return listener


def _init(self: controller.OpenFlowController) -> None:
    self._clients = {}
    self._ended = threading.Event()
    self._limits = ConnectionLimits(
        CONF.ofp_max_connections, CONF.ofp_max_connections_per_address, is_expected
    )
    self._limits_lock = threading.Lock()
    self._refused_logged = 0.0
    self.refused = 0
    self.tls = tls_files()
    tcp, tls = CONF.ofp_tcp_listen_port, CONF.ofp_ssl_listen_port
    if self.tls is None and tls and not tcp:
        raise ListenError("--ofp-ssl-listen-port needs --ctl-privkey and --ctl-cert")
    port = (tls or ofproto_common.OFP_SSL_PORT) if self.tls else (
        tcp or ofproto_common.OFP_TCP_PORT)
    self.ofp_tcp_listen_port, self.ofp_ssl_listen_port = (None, port) if self.tls else (port, None)
    host = CONF.ofp_listen_host
    self.listeners = [_bind(host, port)]
    if not tcp and not tls:
        try:
            self.listeners.append(_bind(host, ofproto_common.OFP_TCP_PORT_OLD))
        except ListenError as error:
            LOG.warning("legacy port not opened: %s", error)
    for listener in self.listeners:
        LOG.info("listening for OpenFlow%s on %s", " over TLS" if self.tls else "",
                 peer_name(listener.getsockname()))


def _stop(self: controller.OpenFlowController) -> None:
    """Accept no more connections, now."""
    self._ended.set()
    for address in list(self._clients):
        self.stop_client_loop(address)
    for listener in self.listeners:
        listener.close()


def _accept_loop(self: controller.OpenFlowController) -> None:
    guarded("OpenFlow listener", lambda: _accept_all(self), may_end=self._ended.is_set)


def _accept_all(self: controller.OpenFlowController) -> None:
    for address in CONF.ofp_switch_address_list:
        self.spawn_client_loop(controller._split_addr(address))
    with selectors.DefaultSelector() as selector:
        for listener in self.listeners:
            selector.register(listener, selectors.EVENT_READ)
        while not self._ended.is_set():
            for key, _ in selector.select(0.5):
                try:
                    sock, address = key.fileobj.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    continue
                except OSError as error:
                    if self._ended.is_set():
                        return
                    LOG.error("accepting an OpenFlow connection failed: %s", error)
                    time.sleep(0.2)  # out of descriptors: some connection has to end first
                    continue
                _admit(self, sock, address)


def _admit(self: controller.OpenFlowController, sock: socket.socket, address: object) -> None:
    source = plain_address(address[0]) if isinstance(address, tuple) else ""
    with self._limits_lock:
        refusal = self._limits.admit(source)
    if not refusal:
        try:
            hub.spawn(_connection, self, sock, address, source)
            return
        except RuntimeError as error:  # the system gives no more threads
            refusal = str(error)
            with self._limits_lock:
                self._limits.release(source)
    sock.close()
    self.refused += 1
    if time.monotonic() - self._refused_logged > 1:
        self._refused_logged = time.monotonic()
        LOG.warning("connection from %s refused: %s, %d refused so far",
                    peer_name(address), refusal, self.refused)


def _connection(self: controller.OpenFlowController, sock: socket.socket, address: object,
                source: str) -> None:
    try:
        if self.tls is not None:
            sock.settimeout(CONF.ofp_handshake_timeout)
            try:
                sock = self.tls.context().wrap_socket(sock, server_side=True)
            except OSError as error:
                LOG.warning("connection from %s closed: TLS handshake failed: %s",
                            peer_name(address), error)
                sock.close()
                return
        controller.datapath_connection_factory(sock, address)
    finally:
        with self._limits_lock:
            self._limits.release(source)
