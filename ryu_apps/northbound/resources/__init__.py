"""The resources of the Networking API."""
