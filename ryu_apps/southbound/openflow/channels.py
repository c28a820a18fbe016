"""The OpenFlow side of a node: which switch is which vrouter, and its channel.

The controller thread calls accept, program, defer, forget and stop; none of them waits.  The os-ken
app calls connected and disconnected.  A connection and its acceptance may come in any order; until
both are there nothing is sent to the switch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ryu_apps.control.messages import Program
from ryu_apps.southbound.openflow.channel import Confirm, VrouterChannel
from ryu_apps.southbound.openflow.readback import Purpose
from ryu_apps.southbound.openflow.switches import ConnectionChange, Switches
from vrouter_ovs.wire.counters import totals
from vrouter_ovs.wire.describe import describe
from vrouter_ovs.wire.encode import decode_flow_stats, decode_meter_stats

OPENFLOW_14 = 0x05
RELEASED = 5.0
"""Seconds that the connection of an element which was released is kept, until it is known whether
this node stands by."""


class OpenFlowChannels:
    """``post``: thread-safe, gets VrouterConnected, VrouterDisconnected, VrouterAcked,
    ObjectRefused and PortStatus.  ``any_address``: a switch may connect from another address than
    its OVSDB server.  ``unclaimed``: seconds that a connection of a switch which is no element's is
    kept; 0: for ever.  ``audit_interval``: seconds between two looks at whether a switch still
    holds what it confirmed.  ``punted``: gets (element, whole packet-in message) of our flows;
    called by receiving threads, must not block.  ``sources``: gets the addresses that elements
    connect from whenever they change."""

    def __init__(self, post: Callable[[object], None], *, any_address: bool, unclaimed: float,
                 audit_interval: float = 60.0,
                 punted: Callable[[str, bytes], None] | None = None,
                 sources: Callable[[frozenset[str]], None] = lambda addresses: None) -> None:
        self._post = post
        self._punted = punted
        self.audit_interval = audit_interval
        self._sources = sources
        self._lock = threading.Lock()
        self._channels: dict[str, VrouterChannel] = {}
        self._switches = Switches(any_address, unclaimed)
        self._stopped = False
        self._shared: set[str] = set()
        """Elements that have several nodes."""
        self._lingering: set[str] = set()
        self.confirm: Confirm = lambda element, epoch, done: done()
        """Asks an element's database whether an epoch is its owner's; to be set before the first
        element is accepted."""

    # ------------------------------------------------------------ controller thread

    def accept(
        self, element: str, datapath_id: int, address: str = "", epoch: int = 0
    ) -> None:
        """The bridge ``datapath_id`` is ``element``'s, unless it is another's already; until that
        is forgotten or has another bridge.  Its connection from ``address``, where the element's
        OVSDB server is, is used from now on; "": from anywhere.  ``epoch``: see
        messages.AcceptElement."""
        self._use(element, datapath_id, address, epoch)

    def stand_by(self, element: str, datapath_id: int, address: str = "") -> None:
        """The element is another node's: know what its switch holds, and change nothing.  For all
        else see :meth:`accept`."""
        self._use(element, datapath_id, address, None)

    def _use(self, element: str, datapath_id: int, address: str, epoch: int | None) -> None:
        with self._lock:
            if self._stopped:
                return
            channel = self._channel(element)
            self._lingering.discard(element)
            if epoch is None:
                channel.stand_by()
            else:
                channel.own(epoch)
            if epoch != 0:
                self._shared.add(element)
            self._apply(self._switches.accept(element, datapath_id, address, time.monotonic()))
            self._sources(self._switches.sources())

    def _apply(self, changes: Iterable[ConnectionChange]) -> None:
        """Hand connections to channels, or take them away.  The lock is held."""
        for element, datapath, connected in changes:
            channel = self._channels.get(element)
            if channel is None:
                continue
            if connected:
                channel.connected(datapath)
            else:
                channel.disconnected(datapath)

    def program(self, effect: Program) -> None:
        """Change desired objects; confirmed by VrouterAcked with a revision of this or later."""
        with self._lock:
            if not self._stopped:
                self._channel(effect.element).program(effect)

    def defer(self, element: str, deferred: bool) -> None:
        """See messages.Defer.  A channel begins deferred."""
        with self._lock:
            if not self._stopped:
                self._channel(element).defer(deferred)

    def release(self, element: str) -> None:
        """The element is not this node's any more; its flows stay.  Where it has several nodes,
        this one probably stands by from now on: its connection is kept for a moment."""
        if element in self._shared:
            self.linger(element, RELEASED)
        else:
            self.forget(element)

    def linger(self, element: str, seconds: float) -> None:
        """Forget the element if nothing is heard of it within so many seconds; any thread."""
        with self._lock:
            channel = self._channels.get(element)
            if channel is not None:
                self._lingering.add(element)
                channel.linger(seconds)

    def _linger_over(self, element: str) -> None:
        with self._lock:
            over = element in self._lingering
        if over:
            self.forget(element)

    def forget(self, element: str) -> None:
        """Close the element's connection and drop what is known of it; its flows stay."""
        with self._lock:
            self._lingering.discard(element)
            self._shared.discard(element)
            channel = self._channels.pop(element, None)
            self._apply(self._switches.forget(element, time.monotonic()))
            self._sources(self._switches.sources())
        if channel is not None:
            channel.stop("the element was removed")

    def stop(self) -> None:
        """End all channels.  Not one flow is touched."""
        with self._lock:
            self._stopped = True
            channels = list(self._channels.values())
        for channel in channels:
            channel.stop()
        deadline = time.monotonic() + 0.5
        for channel in channels:
            channel.join(max(0.0, deadline - time.monotonic()))

    def _channel(self, element: str) -> VrouterChannel:
        channel = self._channels.get(element)
        if channel is None:
            channel = VrouterChannel(element, self._post, self.audit_interval,
                                     punted=self._punted, confirm=self._ask_database,
                                     expired=self._linger_over)
            self._channels[element] = channel
        return channel

    def _ask_database(self, element: str, epoch: int, done: Callable[[], None]) -> None:
        self.confirm(element, epoch, done)

    # ------------------------------------------------------------ os-ken's app

    def connected(self, datapath: Any) -> None:
        """A switch finished its handshake.  Of those from one address the newest connection of a
        datapath id counts."""
        if datapath.ofproto.OFP_VERSION != OPENFLOW_14:
            datapath.disconnect("OpenFlow 1.4 is required")
            return
        with self._lock:
            if not self._stopped:
                self._apply(self._switches.connected(datapath, time.monotonic()))

    def disconnected(self, datapath: Any) -> None:
        """A connection ended (it may never have finished its handshake)."""
        with self._lock:
            self._apply(self._switches.disconnected(datapath))

    # ------------------------------------------------------------ any thread

    def packet_out(self, element: str, ofport: int, frame: bytes) -> bool:
        """Send a frame out of a port of the element; never waits.  False: it was not sent."""
        with self._lock:
            channel = self._channels.get(element)
        return channel is not None and channel.packet_out(ofport, frame)

    def inject(
        self, element: str, in_port: int, table: str, registers: Mapping[str, int], frame: bytes
    ) -> bool:
        """Have the switch go on with a frame in a table; as :meth:`packet_out`."""
        with self._lock:
            channel = self._channels.get(element)
        return channel is not None and channel.inject(in_port, table, registers, frame)

    def status(self, element: str) -> dict[str, Any]:
        """Connected, revisions, counters, refused objects.  KeyError for an unknown element."""
        with self._lock:
            channel = self._channels[element]
        return channel.status()

    def flows(self, element: str, timeout: float = 20.0) -> list[dict[str, Any]]:
        """Our flows as the switch holds them now, in words.

        Raises KeyError for an unknown element, NotConnected, and TimeoutError.
        """
        with self._lock:
            channel = self._channels[element]
        payloads = channel.dump().result(timeout)
        return [describe(flow) for payload in payloads for flow in decode_flow_stats(payload)]

    def counters(self, element: str, timeout: float = 20.0) -> dict[int, tuple[int, int]]:
        """Cookie -> (packets, bytes) that our flows with it matched.  Raises as :meth:`flows`."""
        with self._lock:
            channel = self._channels[element]
        return totals(channel.dump().result(timeout))

    def dropped(self, element: str, timeout: float = 20.0) -> dict[int, int]:
        """Meter -> packets that it dropped.  Raises as :meth:`flows`."""
        with self._lock:
            channel = self._channels[element]
        payloads = channel.dump(Purpose.DROPPED).result(timeout)
        return dict(one for payload in payloads for one in decode_meter_stats(payload))
