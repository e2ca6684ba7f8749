"""Halts a move at an order, for as long as a test looks at it there.

Between two orders a move may be for moments only. The API server is had to refuse the write of the
next one: the operator asks again, with back-off, and goes on once it is let.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial

from harness import refusing
from harness.attempts import VOLUMES, refusal
from harness.facts import Facts
from harness.kube import Kube, Object, wait_for
from harness.machine import Machine
from harness.migration import Migration

REFUSED = "halted by a test"


def before(kube: Kube, migration: Migration, order: str) -> AbstractContextManager[None]:
    """Have the order refused in the migration's namespace, whose switch is there already.

    Raises:
        TimedOutError: the API server admits it still.
    """
    other = f"object.?status.?compute.?order.orValue('') != '{order}'"
    return _refused(kube, migration, order, other, {"order": order})


def before_the_unlock(kube: Kube, migration: Migration) -> AbstractContextManager[None]:
    """The same of the end of the lock, which is on already."""
    locked = "object.?status.?compute.?locked.orValue(false) == true"
    return _refused(kube, migration, "unlock", locked, {"locked": False})


@contextlib.contextmanager
def _refused(
    kube: Kube, migration: Migration, what: str, admitted: str, compute: Object
) -> Iterator[None]:
    name = f"{migration.namespace}-{what}".lower()
    status = "attachmentswitches/status.detour.dev"
    kube.apply(*refusing.policy(name, migration.namespace, status, admitted, REFUSED))
    try:
        wait_for(
            f"{what} to be refused",
            lambda: REFUSED in refusal(partial(_write, kube, migration, compute)),
            seconds=60,
        )
        yield
    finally:
        refusing.take_off(kube, name)


def _write(kube: Kube, migration: Migration, compute: Object) -> None:
    where = ("attachmentswitches", migration.name, migration.namespace)
    written = {"status": {"compute": compute}}
    kube.patch(*where, written, "--subresource=status", "--dry-run=server")


def wait_for_state(migration: Migration, order: str, handover: str) -> None:
    """Wait until the move is there, where it is halted or waits by itself."""

    def there() -> bool:
        compute = migration.switch().get("status", {}).get("compute", {})
        return (compute.get("order"), compute.get("handover")) == (order, handover)

    wait_for(f"{order} and {handover}", there, seconds=300, every=0.2, seen=migration.story)


@contextlib.contextmanager
def mirrored(kube: Kube, migration: Migration) -> Iterator[None]:
    """Let a move that waits after its copy go on, up to the switch, which is not ordered.

    The instance names the destination by then.
    """
    with before(kube, migration, "Destination"):
        kube.patch(
            "volumemigrations", migration.name, migration.namespace, {"spec": {"hold": False}}
        )
        wait_for_state(migration, "Mirrored", "Instance")
        yield


def declare(machine: Machine, claim: str, *, strategy: bool = True) -> None:
    """Point the VM at the claim, as its manifest's owner does with ``handover: WaitForDeclared``.

    Its disk ``data`` has to be its first volume; ``strategy``: as a VM that runs needs it.
    """
    path = f"{VOLUMES}/0/persistentVolumeClaim/claimName"
    changes = [{"op": "replace", "path": path, "value": claim}]
    if strategy:
        changes.append({"op": "add", "path": "/spec/updateVolumesStrategy", "value": "Migration"})
    Facts(machine.kube, machine).patch("virtualmachines", changes)
