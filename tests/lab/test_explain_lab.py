"""What explain says is what packets do, and the counters of a rule count them, from any node."""

from __future__ import annotations

from typing import Any

from lab.client import Client
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.ping import ping
from lab.wait import wait_until
from ryu_apps.cli.vnctl import main


def make(client: Client, kind: str, **fields: Any) -> dict[str, Any]:
    return client.post(f"/v2.0/{kind.replace('_', '-')}s", {kind: fields})[kind]


def test_explain_and_counters(lab: Lab, red: Tenant, capsys) -> None:
    """web1 is on hv1 (node1), db3 on hv3 (node2); each node answers for both."""
    one, two = (lab.nodes[name].client for name in ("node1", "node2"))
    source, target = red.vms["web1"], red.vms["db3"]
    before = one.show("port", target.port.id)["security_groups"]
    closed = make(one, "security_group", name="closed", project_id=red.project_id)

    def verdicts() -> set[str]:
        path = f"/v1/explain?port={source.port.id}&to={target.ip}&protocol=icmp"
        return {client.get(path)["verdict"] for client in (one, two)}

    try:
        wait_until(lambda: verdicts() == {"allowed"}, "explained as allowed")
        assert ping(source.space, target.ip).ok
        one.update("port", target.port.id, security_groups=[closed["id"]])
        wait_until(lambda: verdicts() == {"denied"}, "explained as denied")
        wait_until(lambda: not ping(source.space, target.ip).ok, "denied in fact")
        status = main(["--url", two.url, "explain", source.port.id, "--to", target.ip])
        shown = capsys.readouterr().out
        assert status == 1 and "DENIED: ingress rules" in shown, shown

        rule = make(one, "security_group_rule", security_group_id=closed["id"],
                    direction="ingress", protocol="icmp", port_range_min=8,
                    remote_group_id=before[0])["id"]
        wait_until(lambda: verdicts() == {"allowed"}, "explained as allowed by the new rule")
        wait_until(lambda: ping(source.space, target.ip).ok, "allowed in fact")
        for client in (one, two):
            path = f"/v1/security-group-rules/{rule}/counters"

            def counted(client: Client = client, path: str = path) -> bool:
                found = client.get(path)
                assert found["unanswered"] == []
                return [one["host"] for one in found["vrouters"]] == ["hv3"] and (
                    found["packets"] > 0 and found["bytes"] >= 84)

            wait_until(counted, "the rule's packets are counted", 15)
    finally:
        one.update("port", target.port.id, security_groups=before)
        one.delete(f"/v2.0/security-groups/{closed['id']}")
    wait_until(lambda: ping(source.space, target.ip).ok, "as before")
