"""The default engine: our own sessions and tables."""

from __future__ import annotations

from ryu_apps.peering.engine.client import SubprocessEngine


class NativeEngine(SubprocessEngine):
    """BGP-4 with L2VPN EVPN (route types 2, 3 and 5), in :mod:`ryu_apps.peering.native.process`.

    RFC 4271, 2918, 4724 (we restart and we help), 4760, 5492, 6793, 7606, 8538 (N bit), TCP MD5
    signatures (RFC 2385).  Received routes are passed on and not kept.
    """

    MODULE = "ryu_apps.peering.native.process"
