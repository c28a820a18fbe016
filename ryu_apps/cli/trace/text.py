"""A trace as a person reads it: each hop's tables with the flow that matched, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NOT_SENT = "not sent"
"""The verdict on a packet that its sender does not send."""


def render(data: dict[str, Any]) -> str:
    """``data``: what ``vnctl trace --json`` prints."""
    name = data["port"]["name"] or data["port"]["id"]
    lines = [f"{name} ({data['source']}) -> {data['address']}, first to the {data['first_hop']}"]
    if data["verdict"] == NOT_SENT:
        lines = [f"{name} ({data['source']}) -> {data['address']}"]
    for number, hop in enumerate(data["hops"], 1):
        lines += ["", f"hop {number}: {hop['host']}" + (f" ({hop['vtep']})" if hop["vtep"] else "")]
        lines += _steps(hop["steps"])
        if hop["outcome"]:
            lines.append(f"  => {hop['outcome']}")
    return "\n".join([*lines, "", _verdict(data)])


def _steps(steps: list[dict[str, Any]]) -> Iterator[str]:
    width = max((len(step["table_name"]) for step in steps), default=0)
    for step in steps:
        matched = "no match" if step["match"] is None else (
            f"{step['match']}  (priority {step['priority']})"
        )  # fmt: skip
        yield f"  {step['table_name'].ljust(width)}  {matched}"
        for action in step["actions"]:
            if not action.startswith(("goto_table", "resubmit")):
                yield f"  {' ' * width}    {action}"


def _verdict(data: dict[str, Any]) -> str:
    words = {
        "delivered": "DELIVERED to port {name} on {host}",
        "misdelivered": "DELIVERED ELSEWHERE: {reason}",
        "answered": "ANSWERED by {host}: {reason}",
        "dropped": "DROPPED on {host}: {reason}",
        "left": "LEFT THE SYSTEM: {reason}",
        "looped": "LOOPED: {reason}",
        NOT_SENT: "NOT SENT: {reason}",
        "to the controller": "SENT TO THE CONTROLLER by {host}: {reason}",
    }
    return words[data["verdict"]].format(
        name=data.get("to", {}).get("name", ""),
        host=data.get("host") or data.get("element", ""),
        reason=data.get("reason", ""),
    )
