"""A workspace of tempest: its configuration and its runs."""

from __future__ import annotations

from pathlib import Path

from lab import python_environment
from lab.conformance.outcome import Outcome
from lab.conformance.site import Site, environment
from lab.conformance.stestr import Runner
from lab.keystone.server import ADMIN, PASSWORD, REGION

OUTSIDE = "public"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class Workspace:
    """``directory``: for its files."""

    def __init__(self, directory: Path, site: Site) -> None:
        directory.mkdir(exist_ok=True)
        python = python_environment.python("conformance", REQUIREMENTS)
        where = directory / "workspace"
        # Its list of workspaces would be the user's own, and has each name once.
        Runner(python, directory, environment()).call(
            "tempest", "init", "--workspace-path", str(directory / "workspaces.yaml"), str(where),
            check=True)
        (where / "etc" / "tempest.conf").write_text(
            _configuration(
                site.keystone.url, site.extensions(), directory / "locks", _outside(site)))
        self._runner = Runner(python, where, environment())

    def run(self, regex: str, workers: int) -> Outcome:
        """Run the tests whose names match.  Raises CalledProcessError where they cannot be."""
        return self._runner.run(
            "tempest", "run", "--regex", regex, "--concurrency", str(workers))


def _outside(site: Site) -> str:
    """The id of an external network."""
    client = site.node.client
    network = client.create("network", **{"name": OUTSIDE, "router:external": True})["id"]
    for version, cidr in ((4, "203.0.113.0/24"), (6, "2001:db8:ff::/64")):
        client.create("subnet", network_id=network, ip_version=version, cidr=cidr,
                      enable_dhcp=False)
    return network


def _configuration(keystone: str, extensions: list[str], locks: Path, outside: str) -> str:
    return "\n".join([
        "[DEFAULT]", "log_file = tempest.log", "debug = false",
        "[auth]", "use_dynamic_credentials = true", f"admin_username = {ADMIN}",
        f"admin_password = {PASSWORD}", "admin_project_name = admin", "admin_domain_name = Default",
        "admin_domain_scope = false", "create_isolated_networks = false",
        "default_credentials_domain_name = Default",
        "[identity]", f"uri_v3 = {keystone}", "auth_version = v3", f"region = {REGION}",
        "[identity-feature-enabled]", "api_v3 = true",
        "[oslo_concurrency]", f"lock_path = {locks}",
        "[service_available]", "neutron = true",
        *(f"{name} = false" for name in ("nova", "glance", "cinder", "swift", "horizon")),
        "[network]", "project_network_cidr = 10.100.0.0/16", "project_network_mask_bits = 28",
        "project_network_v6_cidr = 2001:db8:100::/48", "project_network_v6_mask_bits = 64",
        f"public_network_id = {outside}", f"floating_network_name = {OUTSIDE}",
        "default_network = 10.100.0.0/16", "build_timeout = 60", "build_interval = 1",
        "[network-feature-enabled]", "ipv6 = true", f"api_extensions = {','.join(extensions)}",
        "ipv6_subnet_attributes = true", "port_admin_state_change = true", "port_security = true",
        "floating_ips = true", "available_features =",
        "[enforce_scope]", "neutron = false",
        "[neutron_plugin_options]", "provider_vlans =", "available_type_drivers = vxlan",
        "create_shared_resources = true",
        "[compute]", "image_ref = 00000000-0000-0000-0000-000000000000", "flavor_ref = 1", "",
    ])
