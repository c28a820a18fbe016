"""The ways out of VRFs: which vrouters are gateways of a router, and how packets get there."""
