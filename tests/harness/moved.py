"""What must be so after a live move that succeeded, while its guest still runs."""

import dataclasses

from harness import leftovers
from harness.cluster import Target
from harness.machine import Machine
from harness.migration import Migration


@dataclasses.dataclass(frozen=True)
class Before:
    """A running VM before its move: what the move must not change.

    Attributes:
        instance: the uid of its instance (VMI).
        xml: its disks, as libvirt shows them.
    """

    instance: str
    xml: str


def before(target: Target, machine: Machine) -> Before:
    """Look at it."""
    return Before(machine.instance_uid(), target.domain_xml(machine))


def faults(target: Target, machine: Machine, migration: Migration, was: Before) -> list[str]:
    """What is not as it must be; empty if all is.

    Args:
        target: the cluster.
        machine: the VM, whose disk ``data`` was moved from its first claim.
        migration: its move, onto a claim of the same name.
        was: the VM before.
    """
    conditions = {item["type"] for item in machine.object()["status"].get("conditions", [])}
    kept = target.kube.get("pvc", machine.source, machine.namespace) or {}
    told = {
        f"the VM names {machine.claim()}": machine.claim() != migration.name,
        f"the instance names {machine.instance_claim()}": (
            machine.instance_claim() != migration.name
        ),
        "the guest was restarted": machine.instance_uid() != was.instance,
        "the disks of the domain differ": target.domain_xml(machine) != was.xml,
        "RestartRequired": "RestartRequired" in conditions,
        "the source claim is gone": (
            not kept or kept["metadata"].get("deletionTimestamp") is not None
        ),
    }
    found = [fault for fault, there in told.items() if there]
    try:
        leftovers.assert_none(target, migration)
    except AssertionError as error:
        found.append(str(error))
    return found
