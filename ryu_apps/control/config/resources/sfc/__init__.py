"""Service function chaining (networking-sfc): services, groups of them, classifiers and chains."""

from ryu_apps.control.config.resources.sfc.flow_classifier import FLOW_CLASSIFIER, FlowClassifier
from ryu_apps.control.config.resources.sfc.port_chain import PORT_CHAIN, PortChain
from ryu_apps.control.config.resources.sfc.port_pair import PORT_PAIR, PortPair
from ryu_apps.control.config.resources.sfc.port_pair_group import PORT_PAIR_GROUP, PortPairGroup

__all__ = [
    "FLOW_CLASSIFIER", "PORT_CHAIN", "PORT_PAIR", "PORT_PAIR_GROUP", "FlowClassifier", "PortChain",
    "PortPair", "PortPairGroup",
]
