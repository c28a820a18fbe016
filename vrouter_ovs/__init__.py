"""The virtual router: how one Open vSwitch bridge becomes one.

This package never imports ``ryu_apps``.  The two halves meet in :mod:`vrouter_ovs.state`.
"""
