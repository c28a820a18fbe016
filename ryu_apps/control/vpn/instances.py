"""All EVIs and VRFs, and what route targets import into each."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from ryu_apps.control import ids
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.routes import Nlri, Path
from ryu_apps.control.vpn.import_rules import import_keys
from ryu_apps.control.vpn.instance import Instance, Lookup
from ryu_apps.control.vpn.rib import BestChange, Rib
from ryu_apps.control.vpn.selection import select_hops, select_mac
from ryu_apps.control.vpn.translate import VpnInstanceSpec


class Instances:
    """All EVIs and VRFs of the configuration, kept equal to what the RIB's best paths import.

    ``stands``: see :meth:`~ryu_apps.control.vpn.origins.Origins.stands`.  ``any_as``: an automatic
    target (RFC 8365 section 5.1.2.1) is imported by its VNI, whatever its AS.
    """

    def __init__(
        self,
        rib: Rib,
        marks: Marks,
        stands: Callable[[Path], bool] = lambda path: False,
        any_as: bool = False,
    ) -> None:
        self._rib = rib
        self._lookups = marks.lookups
        self._stands = stands
        self._any_as = any_as
        self.by_vni: dict[int, Instance] = {}
        self._importers: dict[str, dict[int, None]] = {}
        self._by_target: dict[str, dict[Nlri, None]] = {}
        """Route target -> NLRIs whose best path carries it; serves a new instance."""
        self._labelled: dict[int, dict[tuple[int, Nlri], None]] = {}
        """Label -> (VNI of an instance, NLRI) of the imported paths with another instance's label,
        or nobody's."""

    def configure(self, spec: VpnInstanceSpec) -> None:
        """Create an instance, or give it other import targets."""
        old = self.by_vni.get(spec.vni)
        if old is not None:
            if (old.spec.kind, old.spec.imports) == (spec.kind, spec.imports):
                old.spec = spec
                return
            self.remove(spec.vni)
        instance = self.by_vni[spec.vni] = Instance(spec)
        found: dict[Nlri, None] = {}
        for target in self.targets(spec):
            self._importers.setdefault(target, {})[spec.vni] = None
            found.update(self._by_target.get(target, ()))
        for nlri in found:
            self._add(instance, self._rib.best[nlri])
        self._look_again(spec.vni)

    def remove(self, vni: int) -> None:
        instance = self.by_vni.pop(vni, None)
        if instance is None:
            return
        for label, imported in list(self._labelled.items()):
            for key in [key for key in imported if key[0] == vni]:
                del imported[key]
            if not imported:
                del self._labelled[label]
        self._look_again(vni)
        self._lookups.mark_all(instance.lookups())
        for target in self.targets(instance.spec):
            importers = self._importers[target]
            del importers[vni]
            if not importers:
                del self._importers[target]

    def targets(self, spec: VpnInstanceSpec) -> frozenset[str]:
        """What an instance imports; "*" stands for any AS."""
        return spec.imports | {f"*:{spec.vni}"} if self._any_as else spec.imports

    def keys(self, rts: tuple[str, ...]) -> tuple[str, ...]:
        """The targets of a route, as :meth:`targets` names them."""
        if not self._any_as:
            return rts
        return (*rts, *dict.fromkeys(filter(None, map(ids.any_as, rts))))

    def apply_best_changes(self, changes: Iterable[BestChange]) -> None:
        """Apply changes of the RIB's best paths."""
        for nlri, old, new, staleness_only in changes:
            if staleness_only:
                # The same path: only a choice between several candidates can come out differently,
                # or a claim that waits for this one to go.
                for vni in self.importers(new):
                    for _, lookup in self.by_vni[vni].rows(new):
                        self._lookups.mark(lookup)
                continue
            before = self.keys(import_keys(old)) if old is not None else ()
            after = self.keys(import_keys(new)) if new is not None else ()
            if before != after:
                for target in before:
                    nlris = self._by_target[target]
                    nlris.pop(nlri, None)
                    if not nlris:
                        del self._by_target[target]
                for target in after:
                    self._by_target.setdefault(target, {})[nlri] = None
            importers = self._importing(after)
            if old is not None:
                for vni in self._importing(before):
                    self._remove(self.by_vni[vni], old)
            for vni in importers:
                self._add(self.by_vni[vni], new)

    # ------------------------------------------------------------ labels of others

    def _add(self, instance: Instance, path: Path) -> None:
        """A path is imported.  It is of use where its label is the instance's own VNI, or one that
        means nothing here, or that of an instance which imports it too: one network's route must
        not lead its frames into another's."""
        label, vni = instance.label(path), instance.spec.vni
        if label and label != vni:
            self._labelled.setdefault(label, {})[vni, path.nlri] = None
            if not self._may_carry(label, path):
                instance.misdirected[path.nlri] = label
        instance.add(path, self._lookups)

    def _remove(self, instance: Instance, path: Path) -> None:
        label, vni = instance.label(path), instance.spec.vni
        instance.remove(path, self._lookups)
        instance.misdirected.pop(path.nlri, None)
        imported = self._labelled.get(label)
        if imported is not None:
            imported.pop((vni, path.nlri), None)
            if not imported:
                del self._labelled[label]

    def _may_carry(self, label: int, path: Path) -> bool:
        other = self.by_vni.get(label)
        keys = self.keys(import_keys(path))
        return other is None or not self.targets(other.spec).isdisjoint(keys)

    def _look_again(self, label: int) -> None:
        """An instance came, went, or imports something else: so do paths with its VNI as label."""
        for vni, nlri in self._labelled.get(label, ()):
            instance, path = self.by_vni[vni], self._rib.best[nlri]
            if (nlri in instance.misdirected) == self._may_carry(label, path):
                instance.remove(path, self._lookups)
                if instance.misdirected.pop(nlri, None) is None:
                    instance.misdirected[nlri] = label
                instance.add(path, self._lookups)

    def best(self, paths: Iterable[Path]) -> Path | None:
        """Where a MAC or an address is: :func:`select_mac` as all of this node use it."""
        return select_mac(paths, self._rib.best_freshness, self._stands)

    def hops(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        """How a prefix is reached: :func:`select_hops` likewise."""
        return select_hops(paths, self._rib.best_freshness, self._stands)

    def judge_again(self, vteps: Container[str]) -> None:
        """These VTEPs became a node's, or ceased to be: choose again where that decides."""
        for instance in self.by_vni.values():
            for lookup in instance.contested:
                if any(path.attrs.next_hop in vteps for path in instance.candidates(lookup)):
                    self._lookups.mark(lookup)

    def choosing(self, vtep: str) -> list[Lookup]:
        """The lookups that may be resolved otherwise where a VTEP is out of reach, or is back:
        those with another way, and those behind a gateway address that is there."""
        found = []
        for instance in self.by_vni.values():
            found += [
                lookup for lookup in instance.contested if lookup[0] == "prefix" and any(
                    path.attrs.next_hop == vtep for path in instance.candidates(lookup)
                )
            ]
            found += [
                gateway for gateway in instance.overlay if any(
                    path.attrs.next_hop == vtep for path in instance.candidates(gateway)
                )
            ]
        return found

    def choose_again(self) -> None:
        """A peer expired, or is back: choose again wherever there is a choice."""
        for instance in self.by_vni.values():
            self._lookups.mark_all(instance.contested)

    def importers(self, path: Path) -> dict[int, None]:
        """The VNIs of the instances that import a path."""
        return self._importing(self.keys(import_keys(path)))

    def importing(self, rts: tuple[str, ...]) -> dict[int, None]:
        """The VNIs of the instances that import one of these targets."""
        return self._importing(self.keys(rts))

    def _importing(self, keys: tuple[str, ...]) -> dict[int, None]:
        found: dict[int, None] = {}
        for target in keys:
            importers = self._importers.get(target)
            if importers:
                found.update(importers)
        return found
