"""The metadata service for instances: their connections, and the HTTP service that is asked."""
