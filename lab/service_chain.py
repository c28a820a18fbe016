"""A service chain between two VMs of a tenant, whose services are other VMs that forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.hosts.vm import Vm
from lab.tenants import Tenant

_FORWARDING = {
    "net.ipv4.ip_forward": 1, "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.eth0.send_redirects": 0, "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.eth0.rp_filter": 0, "net.ipv6.conf.all.forwarding": 1,
}
_NO_REDIRECTS = {
    "net.ipv4.conf.all.accept_redirects": 0, "net.ipv4.conf.eth0.accept_redirects": 0,
    "net.ipv6.conf.eth0.accept_redirects": 0,
}


class ServiceChain:
    """All IPv4 and IPv6 that ``source`` and ``target``, short names of VMs of one network, send
    each other goes through one of the VMs ``services``; at first through the first one."""

    def __init__(self, tenant: Tenant, source: str, target: str, services: Sequence[str]) -> None:
        self._client = tenant.client
        ends = tenant.vms[source], tenant.vms[target]
        for vm in ends:
            vm.space.sysctl(_NO_REDIRECTS)
        self.pairs: dict[str, str] = {}
        """VM -> the port pair that it is."""
        for name in services:
            port = tenant.vms[name].port.id
            # It sends what others have sent.
            self._client.update("port", port, port_security_enabled=False, security_groups=[])
            tenant.vms[name].space.sysctl(_FORWARDING)
            self.pairs[name] = self._make("port_pair", ingress=port, egress=port)
        self.classifiers = [
            self._make(
                "flow_classifier", ethertype=ethertype, logical_source_port=ends[0].port.id,
                logical_destination_port=ends[1].port.id,
                source_ip_prefix=f"{source_ip}/{length}",
                destination_ip_prefix=f"{target_ip}/{length}",
            )
            for ethertype, length, source_ip, target_ip in (
                ("IPv4", 32, ends[0].ip, ends[1].ip), ("IPv6", 128, ends[0].ip6, ends[1].ip6),
            )
            if source_ip and target_ip
        ]
        self.group = self._make("port_pair_group", port_pairs=[self.pairs[services[0]]])
        self.id = self._make(
            "port_chain", port_pair_groups=[self.group], flow_classifiers=self.classifiers,
            chain_parameters={"symmetric": True},
        )

    def _make(self, kind: str, **fields: Any) -> str:
        return self._client.post(f"/v2.0/sfc/{kind}s", {kind: fields})[kind]["id"]

    def scale(self, *services: str) -> None:
        """The VMs that share the load from now on."""
        self._client.put(f"/v2.0/sfc/port_pair_groups/{self.group}", {
            "port_pair_group": {"port_pairs": [self.pairs[name] for name in services]}})

    def delete(self) -> None:
        """The chain and all that it is made of; the VMs talk directly again."""
        paths = [f"port_chains/{self.id}", f"port_pair_groups/{self.group}"]
        paths += [f"port_pairs/{id}" for id in self.pairs.values()]
        paths += [f"flow_classifiers/{id}" for id in self.classifiers]
        for path in paths:
            self._client.delete(f"/v2.0/sfc/{path}")


def received(vm: Vm) -> int:
    """Packets that have reached a VM."""
    text = vm.space.run(["cat", "/proc/net/dev"]).stdout
    line = next(line for line in text.splitlines() if line.strip().startswith("eth0:"))
    return int(line.partition(":")[2].split()[1])
