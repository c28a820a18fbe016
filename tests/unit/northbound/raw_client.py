"""Requests that a careful client does not send: bodies and connections by hand."""

from __future__ import annotations

import socket

import requests


def post(node, data, **headers):
    return requests.post(node.url + "/v2.0/networks", data=data, headers=headers, timeout=10)


def connect(node):
    return socket.create_connection(node.server.address, timeout=10)
