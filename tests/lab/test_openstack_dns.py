"""The ``openstack`` command with names, domains and where multicast DNS goes."""

from __future__ import annotations

from tests.lab.openstack_support import read, run
from tests.unit.northbound.api_client import Node


def mode(value: str) -> tuple[str, str]:
    return "--extra-property", f"type=str,name=vpn:mdns,value={value}"


def test_names_and_multicast_dns(node: Node) -> None:
    run(node, "network", "create", "--dns-domain", "names.example.", *mode("local"), "named")
    network = node.get("/v2.0/networks?name=named")["networks"][0]
    assert (network["vpn:mdns"], network["dns_domain"]) == ("local", "names.example.")
    run(node, "network", "set", *mode("answer"), "named")
    assert node.get(f"/v2.0/networks/{network['id']}")["network"]["vpn:mdns"] == "answer"
    refused = run(node, "network", "set", *mode("nowhere"), "named", ok=False)
    assert "'nowhere' is not in ['flood', 'local', 'answer']" in refused
    subnet = read(node, "subnet", "create", "--network", "named", "--subnet-range", "10.7.0.0/24",
                  "--dns-nameserver", "0.0.0.0", "named4")
    assert subnet["dns_nameservers"] == ["0.0.0.0"]
    port = read(node, "port", "create", "--network", "named", "--dns-name", "Www", "named1")
    assert port["dns_assignment"] == [
        {"ip_address": "10.7.0.2", "hostname": "www", "fqdn": "www.names.example."}
    ]
    run(node, "port", "set", "--dns-domain", "other.example.", "--dns-name", "ftp", "named1")
    changed = read(node, "port", "show", "named1")
    assert changed["dns_assignment"][0]["fqdn"] == "ftp.other.example."
    run(node, "port", "delete", "named1")
    run(node, "network", "delete", "named")
