"""A node and a switch of a module, for the tests of channels."""

from __future__ import annotations

import pytest

from lab.beds.openflow_bed import Node, Switch


@pytest.fixture(scope="module")
def node():
    node = Node()
    yield node
    node.close()


@pytest.fixture(scope="module")
def shared_switch(node):
    switch = Switch()
    switch.connect(node.port)
    yield switch
    switch.close()


@pytest.fixture
def switch(node, shared_switch):
    """The switch, empty, with a new southbound that does not know it yet."""
    node.end()
    shared_switch.ofctl("del-flows", shared_switch.bridge)
    yield shared_switch
    node.end()
