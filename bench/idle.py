"""When ovs-vswitchd has done what it was given, as ovs-vsctl(8) finds out."""

from __future__ import annotations

from bench.ovsdb import OvsdbClient, Tables
from lab.hosts.hypervisor import Hypervisor


def numbers(tables: Tables) -> tuple[int, int]:
    """(next_cfg, cur_cfg): what was asked of ovs-vswitchd, and what it has done
    (ovs-vswitchd.conf.db(5), table Open_vSwitch)."""
    (row,) = tables["Open_vSwitch"].values()
    return row["next_cfg"], row["cur_cfg"]


def follow(hypervisor: Hypervisor) -> OvsdbClient:
    """A client that sees these numbers; ovs-vswitchd is idle now."""
    database = OvsdbClient(hypervisor.directory / "db.sock", "Open_vSwitch")
    database.monitor({"Open_vSwitch": ["cur_cfg", "next_cfg"]})
    database.wait(lambda tables: numbers(tables)[0] <= numbers(tables)[1],
                  "ovs-vswitchd to be idle", 120)
    return database


def wait_done(database: OvsdbClient, wanted: int) -> None:
    database.wait(lambda tables: numbers(tables)[1] >= wanted, "ovs-vswitchd to make ports", 600)


def wait_idle(hypervisor: Hypervisor) -> None:
    """Until ovs-vswitchd has done all that it was given before now.  It looks at every port of the
    bridge also when the kernel tells it that an interface has appeared or changed."""
    database = follow(hypervisor)
    wanted = numbers(database.tables)[0] + 1
    database.transact([{"op": "mutate", "table": "Open_vSwitch", "where": [],
                        "mutations": [["next_cfg", "+=", 1]]}])
    wait_done(database, wanted)
    database.close()
