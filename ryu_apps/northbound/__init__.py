"""The REST interface: the Networking API v2.0, and ``/v1`` for what the node itself is asked."""
