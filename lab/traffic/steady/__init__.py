"""Traffic that goes on while something is broken, and what each part of it lost.

:class:`Steady` runs one process for a whole lab: its sockets live in the namespaces of the VMs
and one loop serves them all, so that 200 pings a second, a TCP stream, connections, DHCP renewals
and API writes cost a few percent of a core.
"""

from __future__ import annotations

from lab.traffic.steady.guard import GUARDED, guard
from lab.traffic.steady.plan import Plan, plan
from lab.traffic.steady.report import Report
from lab.traffic.steady.traffic import Steady

__all__ = ["GUARDED", "Plan", "Report", "Steady", "guard", "plan"]
