"""Underlay paths between vrouters: which there are, which carry traffic, what is out of reach.

That traffic leaves a path that fails is the switch's own doing
(:mod:`vrouter_ovs.pipeline.tunnel`).  What is decided here comes after: when it returns to one that
is back (:mod:`.damping`), which routes lead nowhere meanwhile (:mod:`.tunnels`), and by which of
its addresses others reach a vrouter (:mod:`.announced`).
"""
