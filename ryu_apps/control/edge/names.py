"""What networks with ports here call their ports: DnsViews from the configuration, and changes.

A view has the names of all ports of one network, wherever they are bound, and of no other network:
what a port may resolve is what ``dns_assignment`` says of its neighbors, router interfaces
included.  Two networks never share a view, also where a router joins them, so that nobody sees the
names of another tenant by way of a shared router or an equal domain.  In a shared network all see
all names; a port of another project than the network's has none there outside the network's domain.

The mappings of a view are the live ones: a port that comes, changes or goes costs its own few
entries, not those of its network.  The controller thread changes them while another thread looks
names up, without a lock.  In CPython that is safe as long as the reader asks with ``get`` and
``in`` only and never iterates, as :mod:`vrouter_ovs.proxies.dns.dns` does: keys are plain strings,
so a lookup or a store is one step under the interpreter lock, and values are immutable.  Between
two
steps a reader may see a port's name before its pointer.
"""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.dns_names import DEFAULT_DOMAIN, Assignment, assignments
from ryu_apps.control.config.model import Network
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import DnsChanged
from vrouter_ovs.proxies.dns.dns import DnsView


class _Table:
    """The names of one network, whose they are, and the view that shows them."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self.names: dict[str, tuple[str, ...]] = {}
        self.pointers: dict[str, str] = {}
        self.parents: dict[str, int] = {}
        """Host name above others -> how many names lie below it."""
        self.view = DnsView(domain, {}, {})
        """Nobody's until :meth:`Names.resolve_network` makes it."""
        self._of_port: dict[str, dict[Assignment, None]] = {}
        self._by_name: dict[str, dict[tuple[str, str], None]] = {}
        """Name as the view has it -> (address, port id)."""
        self._by_address: dict[str, dict[str, str]] = {}
        """Address -> port id -> whole name; one, if every writer validated."""

    def put(self, port_id: str, found: list[Assignment]) -> None:
        """What a port is called from now on; nothing: it is gone."""
        new = dict.fromkeys(found)
        old = self._of_port.get(port_id, {})
        if new == old:
            return
        if new:
            self._of_port[port_id] = new
        else:
            del self._of_port[port_id]
        names: dict[str, None] = {}
        addresses: dict[str, None] = {}
        for address, _, whole in old:
            name = self._key(whole)
            names[name] = addresses[address] = None
            _remove(self._by_name, name, (address, port_id))
            _remove(self._by_address, address, port_id)
        for address, _, whole in new:
            name = self._key(whole)
            names[name] = addresses[address] = None
            self._by_name.setdefault(name, {})[address, port_id] = None
            self._by_address.setdefault(address, {})[port_id] = whole.rstrip(".")
        for name in names:
            self._show_name(name)
        for address in addresses:
            owners = self._by_address.get(address)
            if owners:
                self.pointers[address] = owners[min(owners)]
            else:
                self.pointers.pop(address, None)

    def _key(self, whole: str) -> str:
        """A host name of one label stands alone.  All others are whole names: "www.example" in the
        domain "org" is no answer to a query for "www.example"."""
        whole = whole.rstrip(".")
        host, _, domain = whole.partition(".")
        return host if domain == self.domain else whole

    def _show_name(self, name: str) -> None:
        owners = self._by_name.get(name)
        known = name in self.names
        if owners:
            self.names[name] = tuple(sorted({address for address, _ in owners}))
        else:
            self.names.pop(name, None)
        if known == bool(owners):
            return
        for parent in self._above(name):
            count = self.parents.get(parent, 0) + (1 if owners else -1)
            if count:
                self.parents[parent] = count
            else:
                del self.parents[parent]

    def _above(self, name: str) -> list[str]:
        """The host names above a name of the domain: "b.c" and "c" for "a.b.c"."""
        host, inside, _ = name.rpartition("." + self.domain)
        if not inside or not name.endswith("." + self.domain):
            return []
        labels = host.split(".")
        return [".".join(labels[at:]) for at in range(1, len(labels))]


def _remove(index: dict, key: str, value: object) -> None:
    members = index[key]
    del members[value]
    if not members:
        del index[key]


class Names:
    """The views of all networks that have bound ports on this node.  ``ttl``: seconds that a VM
    may remember an answer.

    Reads: the configuration, and how many ports of each network are bound.
    Marks: networks that got their first port or lost the last.
    Emits: DnsChanged, appended to ``effects``.
    """

    def __init__(self, config: Config, marks: Marks, effects: list, ttl: int = 60) -> None:
        self._config = config
        self._marks = marks
        self._effects = effects
        self._ttl = ttl
        self._tables: dict[str, _Table] = {}
        self._bound: dict[str, int] = {}
        """Network id -> how many ports of it are bound here."""

    def bound(self, network_id: str, count: int) -> None:
        """``count`` ports of a network more, or less, are bound here."""
        now = self._bound.get(network_id, 0) + count
        if now:
            self._bound[network_id] = now
        else:
            del self._bound[network_id]
        if now in (0, count):
            self._marks.networks.mark(network_id)

    def view(self, network_id: str) -> DnsView | None:
        table = self._tables.get(network_id)
        return table.view if table is not None else None

    def resolve_network(self, network_id: str) -> None:
        """Make, change or drop the view of a network.  Only another view is an effect: its names
        change by themselves."""
        network = self._config.networks.get(network_id)
        if network is None or network_id not in self._bound:
            if self._tables.pop(network_id, None) is not None:
                self._effects.append(DnsChanged(network_id, None))
        elif self._look(network):
            self._effects.append(DnsChanged(network_id, self._tables[network_id].view))

    def resolve_port(self, key: tuple[str, str]) -> None:
        """What a port is called in a network, where that has a view: (network id, port id)."""
        network_id, port_id = key
        table = self._tables.get(network_id)
        if table is not None:
            table.put(port_id, self._called(network_id, port_id))

    def _look(self, network: Network) -> bool:
        """Whether a network that is present needs another view; then it has one."""
        domain = (network.dns_domain or DEFAULT_DOMAIN).rstrip(".")
        prefixes = tuple(sorted(
            self._config.subnets[subnet_id].cidr
            for subnet_id in self._config.subnets_by_network.get(network.id, ())
        ))  # fmt: skip
        table = self._tables.get(network.id)
        if table is None or table.domain != domain:
            table = _Table(domain)
            for port_id in self._config.ports_by_network.get(network.id, ()):
                table.put(port_id, self._called(network.id, port_id))
            self._tables[network.id] = table
        elif table.view.prefixes == prefixes:
            return False
        table.view = DnsView(
            domain, table.names, table.pointers, prefixes, self._ttl, parents=table.parents
        )
        return True

    def _called(self, network_id: str, port_id: str) -> list[Assignment]:
        port = self._config.ports.get(port_id)
        if port is None or port.network_id != network_id:
            return []
        network = self._config.networks[network_id]
        found = assignments(port, network.dns_domain)
        if port.project_id and port.project_id != network.project_id:
            # A guest in a shared network answers the others for no name but its own in there.
            inside = "." + (network.dns_domain or DEFAULT_DOMAIN)
            found = [one for one in found if one.fqdn.endswith(inside)]
        return found
