"""What the edge answers to a VM: pure functions from a frame to the frames of the answer.

One file per protocol.  No I/O, no threads, no clock but an argument.  Whatever a VM sends, the
only exception that leaves this package is :class:`vrouter_ovs.proxies.packet.Malformed`.
"""
