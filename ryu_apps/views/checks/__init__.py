"""The checks of health, a file for each part; ``CONTRIBUTORS`` is the order they are shown in."""

from __future__ import annotations

from ryu_apps.views.checks import (
    authentication,
    connections,
    core,
    duplicates,
    encapsulations,
    gateways,
    hypervisors,
    limits,
    metadata,
    mirrors,
    multicast,
    owners,
    peers,
    physical_networks,
    policy,
    store,
    threads,
    tls,
    tunnels,
)
from ryu_apps.views.health import Contributor

CONTRIBUTORS: tuple[Contributor, ...] = (
    store.checks,
    peers.checks,
    hypervisors.checks,
    owners.checks,
    tunnels.checks,
    encapsulations.checks,
    physical_networks.checks,
    gateways.checks,
    duplicates.checks,
    policy.checks,
    multicast.checks,
    limits.checks,
    connections.checks,
    metadata.checks,
    mirrors.checks,
    authentication.checks,
    tls.checks,
    core.checks,
    threads.checks,
)
