"""What README tells a newcomer to type, typed; and what vnctl plug makes and unplug removes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.topology import Lab

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(f"vncf{os.getpid()}", nodes={"node1": ("hv1",)}, store="memory") as made:
        yield made


def on_hypervisor(lab: Lab, script: str, timeout: float = 120) -> str:
    """Run a shell script as root of the hypervisor.  Namespaces that it makes, and what a node
    stores, are gone with it."""
    hypervisor = lab.hypervisors["hv1"]
    private = "mount -t tmpfs none /run/netns; mount -t tmpfs none /var/lib; " \
        "trap 'for job in $(jobs -p); do kill $job; done; wait || :' EXIT\n"
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{lab.name}-hv1", "unshare", "--mount", "bash", "-ec",
         private + script],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
        check=False, env={**os.environ, **hypervisor.env},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def ports(lab: Lab) -> Iterator[str]:
    """Two ports of a network with IPv4 and IPv6; a script that says where the node is."""
    client = lab.nodes["node1"].client
    network = client.create("network", name="web")["id"]
    client.create("subnet", network_id=network, cidr="10.0.1.0/24", ip_version=4)
    client.create("subnet", network_id=network, cidr="fd00:1::/64", ip_version=6,
                  ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    made = [client.create("port", network_id=network, name=name)["id"] for name in ("vm1", "vm2")]
    yield "export VNCTL_URL=http://198.51.100.1:9696\n"
    for id in made:
        client.remove("port", id)
    client.remove("network", network)


def test_plug_and_unplug(lab: Lab, ports: str) -> None:
    said = on_hypervisor(lab, ports + """
        before=$(ovs-vsctl list-ports br-int; ip -br link)
        vnctl plug vm1 --netns a
        vnctl plug vm1 --netns a
        vnctl plug vm2 --netns b --static
        there=$(vnctl ports -c name,addresses --no-headings | awk '/^vm2/ {print $2}' | tr -d ,)
        ip netns exec a ping -c 2 -i 0.2 "$there"
        ip -n a route show default | grep -q 10.0.1.1
        mac=$(vnctl port show vm1 -o json | python -c \
            'import json, sys; print(json.load(sys.stdin)["port"]["mac_address"])')
        ip -n a link | grep -q "$mac"
        ip -n a link | grep -q 'mtu 1450'
        for try in $(seq 50); do ip -n a -6 address show scope global | grep -q fd00: && break
            sleep 0.2; done
        ip -n a -6 address show scope global | grep fd00:
        ! vnctl plug vm1 --netns other || exit 1
        vnctl unplug vm1
        vnctl unplug vm1
        vnctl unplug vm2
        test -z "$(ip netns list)"
        test "$before" = "$(ovs-vsctl list-ports br-int; ip -br link)"
    """)
    assert said.count("; ACTIVE") == 3 and " 0% packet loss" in said
    assert "it is plugged already, in namespace a" in said and "vm1 is not plugged here" in said


def test_what_unplug_leaves(lab: Lab, ports: str) -> None:
    """A namespace that was there before, or in which somebody else has something."""
    said = on_hypervisor(lab, ports + """
        ip netns add mine
        vnctl plug vm1 --netns mine && vnctl unplug vm1
        ip netns list | grep -q mine
        vnctl plug vm1 --netns new && vnctl plug vm2 --netns new && vnctl unplug vm1
        ip netns list | grep -q new
        ip -n new link add x type veth peer name y
        vnctl unplug vm2
        ip netns list | grep -q new
        vnctl plug vm1 && ip -br address | grep 10.0.1. && test -z "$(ip route show default)"
        vnctl unplug vm1
        id=$(vnctl ports -c id --no-headings | head -1)
        ovs-vsctl add-port br-int foo -- set Interface foo type=internal \
            external_ids:iface-id=$id
        ! vnctl plug $id || exit 1
        ! vnctl unplug $id || exit 1
        ovs-vsctl del-port br-int foo
    """)
    assert "the namespace new stays: " in said
    assert said.count("vnctl did not make") == 2


def test_a_slip_in_the_iface_id_is_seen(lab: Lab, ports: str) -> None:
    said = on_hypervisor(lab, ports + """
        id=$(vnctl ports -c id --no-headings | head -1)
        ovs-vsctl add-port br-int foo -- set Interface foo type=internal \\
            external_ids:iface-id=${id%???}
        for try in $(seq 50); do vnctl elements | grep -q foo && break; sleep 0.2; done
        vnctl elements
        vnctl port show $id
        ovs-vsctl del-port br-int foo
    """)
    assert "foo: no port has the id " in said
    assert "foo of hv1 has the iface-id " in said and "a slip?" in said


def test_unplug_needs_no_node(lab: Lab, ports: str) -> None:
    on_hypervisor(lab, ports + """
        vnctl plug vm1 --netns a
        VNCTL_URL=http://127.0.0.1:1 vnctl unplug vm1
        test -z "$(ip netns list)"
    """)


def test_what_readme_says(lab: Lab) -> None:
    """The block is run as it stands, but for what makes the shell wait until it is so."""
    text = (ROOT / "README.md").read_text().partition("### A first ping of your own")[2]
    block = re.search(r"```\n(.*?)```", text, re.S)[1]
    assert len(re.sub(r"\\\n", "", block).splitlines()) <= 10
    started = "configs/single-node.conf &\n"
    assert started in block and "vnc-encap-ip" in block
    # A person types more slowly than a node starts.
    block = block.replace(started, started + "for try in $(seq 100); do curl -s "
                          "http://127.0.0.1:9696/ && break; sleep 0.2; done\n")
    block = block.replace("openstack network", "for try in $(seq 100); do vnctl elements | grep -q "
                          "connected && break; sleep 0.2; done\nopenstack network", 1)
    space = lab.hypervisors["hv1"]
    space.vsctl("del-manager")
    end = "vnctl unplug vm1; vnctl unplug vm2; ovs-vsctl del-manager"
    path = f"export PATH={shlex.quote(os.fspath(ROOT))}/.venv/bin:$PATH\n"
    said = on_hypervisor(lab, path + block + end, 400)
    assert " 0% packet loss" in said and "removed tap" in said
