"""The figures of a comparison as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.measure import spread

Systems = Mapping[str, Mapping[str, Any]]


def milliseconds(values: Sequence[float]) -> str:
    """Median and spread of seconds, in ms: "31 (29-35, max 60)"."""
    if not values:
        return "-"
    found = spread([value * 1000 for value in values])
    return (f"{found['median']:.1f} ({found['q1']:.1f}-{found['q3']:.1f}, "
            f"max {found['max']:.0f}, n {found['n']})")


def plain(values: Sequence[float], form: str = ".2f") -> str:
    """Median and range of a few values: "1.20 (1.10-1.40)"."""
    if not values:
        return "-"
    found = spread(values)
    text = f"{found['median']:{form}}"
    if found["n"] > 1:
        text += f" ({found['min']:{form}}-{found['max']:{form}})"
    return text


def grid(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side; the first row is a heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)


def by_kind(values: Mapping[str, float]) -> dict[str, float]:
    """Sums of "hv1 ovs-vswitchd", "hv2 ovs-vswitchd" ... as "ovs-vswitchd (sum of 4)"."""
    groups: dict[str, list[float]] = {}
    for name, value in values.items():
        host, _, rest = name.partition(" ")
        groups.setdefault(rest if host.startswith("hv") and rest else name, []).append(value)
    return {
        name if len(found) == 1 else f"{name}, sum of {len(found)}": sum(found)
        for name, found in groups.items()
    }


def _pick(figures: Mapping[str, Any], key: str, field: str) -> list[float]:
    return [one[field] for one in figures.get(key, ())]


def rows_of(figures: Mapping[str, Any]) -> dict[str, str]:
    """The lines of the main table for one system."""
    found = {}
    if bulk := figures.get("bulk"):
        found["tenants (networks, routers) s"] = f"{bulk['tenants']['seconds']:.2f}"
        found["bulk: API call done s"] = f"{bulk['created']:.2f}"
        found["bulk: plugged s"] = f"{bulk['plugged']:.2f}"
        found["bulk: all switches acknowledged s"] = f"{bulk['seconds']:.2f}"
        found["bulk: CPU s"] = f"{bulk['cpu_total']:.2f}"
        found["bulk: CPU s of other processes, steal"] = (
            f"{bulk['cpu_others']:.1f}, {bulk['steal']:.1f}"
        )
        flows = bulk["flows"].values()
        found["flows on a hypervisor"] = f"{min(flows)}-{max(flows)}"
    for one in figures.get("idle", ()):
        found["idle: CPU s a second"] = f"{one['cpu_total'] / one['seconds']:.3f}"
    if "one_more" in figures:
        times = _pick(figures, "one_more", "seconds")
        found["one more port: acknowledged ms"] = milliseconds(times)
        found["  port up ms"] = milliseconds(_pick(figures, "one_more", "up"))
        found["  of it API call ms"] = milliseconds(_pick(figures, "one_more", "created"))
        if "bare_plug" in figures:
            less = median(times) - median(figures["bare_plug"])
            found["  less bare plug (medians) ms"] = f"{less * 1000:.1f}"
    for cpu in figures.get("one_more_cpu", ()):
        found["  CPU ms a port"] = f"{sum(cpu.values()) * 1000:.0f}"
    for key, text in (("first_ping", "one more port: first ping ms"),
                      ("bare_plug", "bare plug, ovs-vswitchd alone ms"),
                      ("rule_one", "one more rule, one group ms"),
                      ("rule_all", "one more rule, all groups ms"),
                      ("bare_rule", "its flows, ovs-vswitchd alone ms")):
        if key in figures:
            found[text] = milliseconds(figures[key])
    for key, text in (("controller", "controller restart"), ("switch", "ovs-vswitchd restart")):
        if key in figures:
            found[f"{text}: packets lost"] = plain(_pick(figures, key, "lost"), ".0f")
            found[f"{text}: longest gap s"] = plain(_pick(figures, key, "gap"))
            found[f"{text}: settled after s"] = plain(_pick(figures, key, "seconds"))
    if "controller" in figures:
        for kind in ("ADDED", "DELETED", "MODIFIED"):
            found[f"controller restart: flows {kind.lower()}"] = plain(
                [one["changes"].get(kind, 0) for one in figures["controller"]], ".0f"
            )
    return found


def _columns(columns: Mapping[str, Mapping[str, str]], heading: str) -> str:
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    return grid([[heading, *columns]] + [
        [name, *(column.get(name, "-") for column in columns.values())] for name in names
    ])


def show(result: Mapping[str, Any]) -> None:
    """Print all tables of one size."""
    systems: Systems = result["systems"]
    print(f"\n== {result['ports']} ports over {result['hypervisors']} hypervisors, security groups "
          f"{'on' if result['groups'] else 'off'}; load average before {result['load_before']}, "
          f"after {result['load_after']}; {result['seconds']:.0f} s in all")
    alone = result["alone"]
    print(f"ovs-vswitchd alone, without any controller, makes these ports in "
          f"{alone['seconds']:.2f} s and {alone['cpu_total']:.2f} CPU s")
    print("median (quartiles, maximum, how often) or median (smallest-largest)\n")
    print(_columns({name: rows_of(one) for name, one in systems.items()}, "what"))
    for name, figures in systems.items():
        if "bulk" not in figures:
            continue
        columns = {
            "bulk CPU s": {k: f"{v:.2f}" for k, v in by_kind(figures["bulk"]["cpu"]).items()},
            "RSS MB": {k: f"{v:.0f}" for k, v in by_kind(figures["bulk"]["rss"]).items()},
        }
        if "one_more_cpu" in figures:
            columns["one more port, CPU ms"] = {
                k: f"{v * 1000:.1f}" for k, v in by_kind(figures["one_more_cpu"][0]).items()
            }
        print("\n" + _columns(columns, f"processes: {name}"), flush=True)


def summary(results: Sequence[Mapping[str, Any]]) -> None:
    """Print the main figures of all sizes side by side."""
    columns = {
        f"{name} {result['ports']}": {
            key: value.partition(" (")[0] for key, value in rows_of(figures).items()
        }
        for name in results[0]["systems"]
        for result in results
        for figures in [result["systems"].get(name, {})]
    }
    print("\n== all sizes, medians\n\n" + _columns(columns, "what"), flush=True)
