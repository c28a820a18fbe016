"""Routers, what they are attached to, and the routes that their users give them."""
