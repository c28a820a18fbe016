"""Puts the API together: every route of the WSGI application."""

from __future__ import annotations

import importlib.metadata
import json
import logging
from collections.abc import Sequence
from typing import Any

from ryu_apps.configuration.service import Configuration
from ryu_apps.identity.authenticator import TokenAuthenticator
from ryu_apps.identity.base import Authenticator
from ryu_apps.identity.policy import Policy
from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.discovery import openapi, unsupported
from ryu_apps.northbound.discovery.versions import Discovery, contents
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.application import Application
from ryu_apps.northbound.http.call import Call, Reply, Route, strict
from ryu_apps.northbound.identity import operators_only
from ryu_apps.northbound.identity_api import api as identity_api
from ryu_apps.northbound.node.files import FilesApi
from ryu_apps.northbound.node.gateways import GatewaysApi
from ryu_apps.northbound.node.node import NodeApi
from ryu_apps.northbound.node.others import Others, session
from ryu_apps.northbound.node.policy import PolicyApi
from ryu_apps.northbound.node.topology import TopologyApi
from ryu_apps.northbound.policies import known_attributes
from ryu_apps.northbound.read_only.auto_topology import AutoTopology
from ryu_apps.northbound.read_only.declared import READ_ONLY
from ryu_apps.northbound.resources.collection import Collection
from ryu_apps.northbound.resources.declared import COLLECTIONS
from ryu_apps.northbound.resources.handlers import Handlers
from ryu_apps.northbound.resources.quotas import Quotas
from ryu_apps.northbound.resources.security.default_security_group_rules import (
    DefaultSecurityGroupRulesApi,
)
from ryu_apps.northbound.resources.tags import Tags

LOG = logging.getLogger(__name__)


def build(
    configuration: Configuration, node_view: NodeView, settings: Any,
    authenticator: Authenticator, collections: Sequence[Collection] = COLLECTIONS,
) -> Application:
    """The WSGI application of a node.  Raises ValueError for settings that make no sense, and for a
    policy file that cannot be read."""
    policy = Policy(settings, known_attributes(collections))
    for rule in policy.unknown_rules():
        LOG.warning("[oslo_policy] policy_file: nothing asks for the rule %s", rule)
    environment = Environment(configuration, node_view, settings)
    discovery = Discovery(collections)
    routes = discovery.routes()
    for collection in collections:
        handlers = Handlers(collection, environment)
        routes += handlers.routes()
        if collection.parent is None and "tags" in collection.shown:
            routes += Tags(handlers, environment).routes()
        for make in collection.below:
            routes += make(handlers, environment).routes()
    for one in READ_ONLY:
        routes += one.routes(environment)
    routes += AutoTopology(environment).routes()
    routes += Quotas(environment).routes()
    routes += DefaultSecurityGroupRulesApi(environment).routes()
    others = Others(node_view, session(settings.api))
    node = [
        route for part in (NodeApi, PolicyApi, GatewaysApi, TopologyApi)
        for route in part(environment, others).routes()
    ]
    node += FilesApi(environment).routes()
    users = isinstance(authenticator, TokenAuthenticator)
    if isinstance(authenticator, TokenAuthenticator):
        routes += identity_api.routes(authenticator.service, authenticator.url)
        node += identity_api.operations(authenticator.service)
    for route in (contents(node), *node):
        routes.append(operators_only(strict(route)))
    rendered: list[bytes] = []

    def document(call: Call) -> Reply:
        if not rendered:
            rendered.append(json.dumps(openapi.document(
                routes, collections, identity_api.SCHEMAS if users else {}, _version(),
                authenticator.tokens)).encode())
        return Reply(200, rendered[0])

    routes.append(
        Route("GET", "/openapi.json", document, "This document", "discovery", None, "OpenApi",
              public=True)
    )
    return Application(
        routes, authenticator, policy.authority,
        lambda path: unsupported.message(path, discovery.extensions),
    )


def _version() -> str:
    try:
        return importlib.metadata.version("vnc")
    except importlib.metadata.PackageNotFoundError:
        return "0"
