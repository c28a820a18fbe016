"""Metadata of instances: their HTTP requests, and what is asked of the service for them."""
