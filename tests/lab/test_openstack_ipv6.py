"""The ``openstack`` command with IPv6 subnets, DNS names and extra DHCP options."""

from __future__ import annotations

import ipaddress

from tests.lab.openstack_support import read, run
from tests.unit.northbound.api_client import Node


def test_slaac_and_dual_stack(node: Node) -> None:
    run(node, "network", "create", "--dns-domain", "example.org.", "six")
    four = read(node, "subnet", "create", "--network", "six", "--subnet-range", "10.6.0.0/24", "s4")
    slaac = read(node, "subnet", "create", "--network", "six", "--ip-version", "6",
                 "--ipv6-ra-mode", "slaac", "--ipv6-address-mode", "slaac",
                 "--subnet-range", "fd06:0:0:1::/64", "--dns-nameserver", "fd06::53", "s6")
    assert (slaac["ipv6_ra_mode"], slaac["ipv6_address_mode"]) == ("slaac", "slaac")
    assert slaac["gateway_ip"] == "fd06:0:0:1::1" and slaac["ip_version"] == 6
    stateful = read(node, "subnet", "create", "--network", "six", "--ip-version", "6",
                    "--ipv6-ra-mode", "dhcpv6-stateful", "--ipv6-address-mode", "dhcpv6-stateful",
                    "--subnet-range", "fd06:0:0:2::/80", "--allocation-pool",
                    "start=fd06:0:0:2::100,end=fd06:0:0:2::1ff", "stateful")
    assert four["ipv6_ra_mode"] is None and stateful["cidr"] == "fd06:0:0:2::/80"
    text = run(node, "subnet", "create", "--network", "six", "--ip-version", "6",
               "--ipv6-ra-mode", "slaac", "--ipv6-address-mode", "dhcpv6-stateful",
               "--subnet-range", "fd06:0:0:3::/64", "bad", ok=False)
    assert "must be the same value" in text

    port = read(node, "port", "create", "--network", "six", "--mac-address", "fa:16:3e:00:00:09",
                "--dns-name", "vm9", "--extra-dhcp-option", "name=bootfile-name,value=a.efi",
                "--extra-dhcp-option", "name=dns-server,value=fd06::54,ip-version=6", "p9")
    addresses = {one["subnet_id"]: one["ip_address"] for one in port["fixed_ips"]}
    assert addresses == {
        four["id"]: "10.6.0.2", slaac["id"]: "fd06::1:f816:3eff:fe00:9",
        stateful["id"]: "fd06:0:0:2::100",
    }
    assert port["dns_name"] == "vm9" and port["dns_domain"] in ("", None)
    assert {(one["hostname"], one["fqdn"]) for one in port["dns_assignment"]} == {
        ("vm9", "vm9.example.org.")}
    assert {(one["opt_name"], one["ip_version"]) for one in port["extra_dhcp_opts"]} == {
        ("bootfile-name", 4), ("dns-server", 6)}
    run(node, "port", "set", "--dns-name", "vm10", "--dns-domain", "lab.test.",
        "--extra-dhcp-option", "name=mtu,value=1400", "p9")
    port = read(node, "port", "show", "p9")
    assert port["dns_assignment"][0]["fqdn"] == "vm10.lab.test."
    assert len(port["extra_dhcp_opts"]) == 3
    text = run(node, "port", "set", "--fixed-ip", "subnet=s6,ip-address=fd06:0:0:1::5", "p9",
               ok=False)
    assert "automatic addresses" in text
    # Adding an address, the command sends back all that it read.
    run(node, "port", "set", "--fixed-ip", "subnet=s4,ip-address=10.6.0.77", "p9")
    assert len(read(node, "port", "show", "p9")["fixed_ips"]) == 4
    run(node, "port", "set", "--allowed-address", "ip-address=fd06:0:0:9::/64", "p9")

    run(node, "router", "create", "r6")
    for name in ("s4", "s6", "stateful"):
        run(node, "router", "add", "subnet", "r6", name)
    interfaces = read(node, "router", "show", "r6")["interfaces_info"]
    assert {one["ip_address"] for one in interfaces} == {
        "10.6.0.1", "fd06:0:0:1::1", "fd06:0:0:2::1"}
    six = {one["port_id"] for one in interfaces
           if ipaddress.ip_address(one["ip_address"]).version == 6}
    assert len(six) == 1 and len({one["port_id"] for one in interfaces}) == 2
    for name in ("s6", "s4", "stateful"):
        run(node, "router", "remove", "subnet", "r6", name)
    assert read(node, "router", "show", "r6")["interfaces_info"] == []
    run(node, "router", "delete", "r6")
    aliases = {one["Alias"] for one in read(node, "extension", "list", "--network")}
    assert {"dns-integration", "dns-domain-ports", "extra_dhcp_opt"} <= aliases
    run(node, "subnet", "delete", "s6")
    assert len(read(node, "port", "show", "p9")["fixed_ips"]) == 3
    run(node, "port", "delete", "p9")
    run(node, "network", "delete", "six")
