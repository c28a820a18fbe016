"""Writes a whole configuration into a store: at once where one transaction has room for it, else in
stages behind a *switch*, the key that every change rewrites.

In stages: first the switch says that what follows is unfinished, which every node that runs or
starts takes as a doubt: it keeps what it has and deletes nothing.  Then come the changes, each
transaction on condition that the switch is still ours.  The last one gives the switch its final
value, and from there on the nodes follow.  Where it is interrupted, nodes hold until the import or
restoration is made again, which finishes it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from ryu_apps.configuration.records import GENERATION
from ryu_apps.control.config import lineage
from ryu_apps.store.base import (
    Compare,
    Conflict,
    Delete,
    Item,
    Put,
    Store,
    StoreError,
    TooLarge,
    Unavailable,
)

STAGE_BYTES = 512 * 1024
"""Of a transaction in stages; etcd takes 1.5 MiB by default."""
PATIENCE = 60.0
"""Seconds for which a store that does not answer in the middle of the stages is asked again."""
AGAIN = 0.5

Operations = Sequence[Put | Delete]
Progress = Callable[[int, int], None]
"""Told how many of how many operations are written."""


class Interrupted(StoreError):
    """It was begun and not finished."""


def replace(
    store: Store, base: Item | None, operations: Operations, final: bytes | None, what: str,
    progress: Progress = lambda done, total: None,
) -> bool:
    """Write ``operations``, none of them of GENERATION, and ``final`` as its value (None: it goes).

    ``base``: GENERATION as it was when the operations were made out; ``what``: is told to who looks
    at it half way, "import of FILE".  Returns whether stages were needed.

    Raises Conflict where somebody changed the configuration since, and nothing was written;
    Interrupted where it could not be finished; StoreError.
    """
    compares = [Compare(GENERATION, base.revision if base else 0)]
    switch = Put(GENERATION, final) if final is not None else Delete(GENERATION)
    most = store.max_operations
    if most is None or len(operations) + 1 < most:
        try:
            store.transact(compares, [*operations, switch])
            progress(len(operations), len(operations))
            return False
        except TooLarge:
            pass
    token = uuid.uuid4().hex
    former = lineage.before_staged(base.value) if base else None
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    unfinished = f"{what}, begun {begun}; if it was interrupted, do it again"
    held = Put(GENERATION, lineage.staged(token, former, unfinished))
    revision = store.transact(compares, [held])
    done = 0
    try:
        for stage in _stages(operations, most or len(operations) + 1):
            _insist(store, revision, stage)
            done += len(stage)
            progress(done, len(operations))
        _insist(store, revision, [switch])
    except StoreError as error:
        raise Interrupted(
            f"{done} of {len(operations)} operations were written, and then: {error}.  The nodes "
            "go on with what they had; do it again to finish it"
        ) from error
    return True


def _stages(operations: Operations, most: int) -> Iterator[list[Put | Delete]]:
    stage: list[Put | Delete] = []
    size = 0
    for operation in operations:
        more = len(operation.key) + (len(operation.value) if type(operation) is Put else 0)
        if stage and (len(stage) + 1 >= most or size + more > STAGE_BYTES):
            yield stage
            stage, size = [], 0
        stage.append(operation)
        size += more
    if stage:
        yield stage


def _insist(store: Store, revision: int, operations: Sequence[Put | Delete]) -> None:
    """Write on condition that the switch is as we left it.  Any of it may be done twice."""
    deadline = time.monotonic() + PATIENCE
    unknown = False
    while True:
        try:
            store.transact([Compare(GENERATION, revision)], operations)
            return
        except Conflict:
            if unknown and _stands(store, operations[-1]):
                return
            raise
        except Unavailable as error:
            unknown = unknown or not error.definite
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN)


def _stands(store: Store, switch: Put | Delete) -> bool:
    """Whether the switch has its final value: an attempt whose answer was lost gave it."""
    if switch.key != GENERATION:
        return False
    found = store.get(GENERATION)
    return found is None if type(switch) is Delete else (
        found is not None and found.value == switch.value
    )
