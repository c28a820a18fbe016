"""Limits of ports, in both directions."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import Priority, Table, names

_REST = Priority("rest", 0, "all else")
_LIMITED = (Priority("limited", 100, "a port and its meter"), _REST)

TABLES: tuple[Table, ...] = (
    Table(
        91,
        "mark",
        "What the sender's rules allow leaves the port: it gets the port's DSCP, and goes through"
        " its limits, where it has such.",
        matches=names("in_port eth_type"),
        miss="bridge",
        priorities=(
            Priority("marked", 200, "IP of a port whose packets are marked"),
            Priority("limited", 100, "all of a port with a limit"),
            _REST,
        ),
        sets=names("ip_dscp"),
        next=("bits_out", "packets_out", "bridge"),
    ),
    Table(
        92,
        "bits_out",
        "The bits a second that a port may send.",
        matches=names("in_port"),
        miss="bridge",
        priorities=_LIMITED,
        next=("packets_out", "bridge"),
        meters=True,
    ),
    Table(
        93,
        "packets_out",
        "The packets a second that a port may send.",
        matches=names("in_port"),
        miss="bridge",
        priorities=_LIMITED,
        next=("bridge",),
        meters=True,
    ),
    Table(
        156,
        "limited_in",
        "What the receiver's rules allow goes through its limits, where it has such; each copy of"
        " a frame to a group on a way of its own, as a meter ends all that would follow.",
        matches=names("out_port eth_dst"),
        miss="output",
        priorities=(
            Priority("group", 200, "broadcast and multicast to a port with a limit"),
            Priority("limited", 100, "all else to it"),
            _REST,
        ),
        sets=names("apart"),
        next=("bits_in", "packets_in", "output"),
    ),
    Table(
        157,
        "bits_in",
        "The bits a second that may reach a port.",
        matches=names("out_port"),
        miss="output",
        priorities=_LIMITED,
        next=("packets_in", "output"),
        meters=True,
    ),
    Table(
        158,
        "packets_in",
        "The packets a second that may reach a port.",
        matches=names("out_port"),
        miss="output",
        priorities=_LIMITED,
        next=("output",),
        meters=True,
    ),
)
