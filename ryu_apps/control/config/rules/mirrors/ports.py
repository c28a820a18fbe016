"""Ports whose packets are copied, and ports that copies go to: none is both."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port
from ryu_apps.control.config.rules.draft import Draft, RuleError, bad_request, conflict
from ryu_apps.control.config.trunks import trunk_of


def source(draft: Draft, id: str, project_id: str, what: str) -> Port:
    """The port to be copied from.  Raises RuleError."""
    port = _port(draft, id, project_id, what)
    if port.id in draft.config.tap_services_by_port:
        raise _mirror_of_mirror(f"port {id} gets copies itself (tap services "
                                f"{draft.names('tap_service', _services(draft.config, id))})")
    return port


def target(draft: Draft, id: str, project_id: str, what: str) -> Port:
    """The port to be copied to.  Raises RuleError."""
    port = _port(draft, id, project_id, what)
    for kind, index in (
        ("tap_flow", draft.config.tap_flows_by_port), ("tap_mirror",
                                                       draft.config.tap_mirrors_by_port),
    ):
        if id in index:
            raise _mirror_of_mirror(
                f"what port {id} sends or receives is copied itself ({kind} "
                f"{draft.names(kind, index[id])})"
            )
    return port


def deleted(draft: Draft, id: str) -> None:
    """A port is gone, and with it what is copied from it and to it."""
    config = draft.config
    for service_id in _services(config, id):
        for flow_id in list(config.tap_flows_by_service.get(service_id, ())):
            draft.delete("tap_flow", flow_id)
        draft.delete("tap_service", service_id)
    for flow_id in list(config.tap_flows_by_port.get(id, ())):
        draft.delete("tap_flow", flow_id)
    for mirror_id in list(config.tap_mirrors_by_port.get(id, ())):
        draft.delete("tap_mirror", mirror_id)


def _services(config: Config, id: str) -> list[str]:
    return list(config.tap_services_by_port.get(id, ()))


def _port(draft: Draft, id: str, project_id: str, what: str) -> Port:
    port = draft.get("port", id)
    if port.is_system or port.is_router_interface:
        raise bad_request(f"Port {id} is the system's own ({port.device_owner}) and has no {what}.")
    if trunk_of(draft.config, id) is not None:
        raise conflict(
            "TrunkSubPort", f"Port {id} is a trunk's subport, which has no {what}; its parent may."
        )
    if port.project_id != project_id:
        raise bad_request(
            f"The specified port {id} does not belong to the project of the {what}.",
            "PortDoesNotBelongToTenant",
        )
    return port


def _mirror_of_mirror(why: str) -> RuleError:
    return conflict("MirrorOfMirror", f"Copies are not copied: {why}.")
