"""Test beds on one machine: an underlay, hypervisors with stock Open vSwitch, a store, VNC nodes.

Everything lives in network namespaces and in ``/run/vnc-lab/<name>/``; see :mod:`lab.topology`.
"""
