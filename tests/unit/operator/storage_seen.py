"""What the storage side sees in a plain live move; both worlds around it are made of this."""

import dataclasses

from detour_crds.volume_migration import (
    ClaimTemplate,
    CopyMethod,
    Destination,
    Verify,
    VirtualMachineRef,
    VolumeMigrationSpec,
)
from detour_operator.storage_side.observation import (
    SeenClaim,
    SeenCopier,
    SeenJob,
    SeenSnapshot,
    SeenSnapshotClass,
    SeenVirtualMachine,
    Storage,
    Surroundings,
)

NOW = "2026-01-01T00:00:00Z"
"""Times stand still, so that two worlds that differ in nothing else are the same one."""


def spec(destination):
    """The wish to move the volume ``data`` of ``vm`` to a claim to be made."""
    return VolumeMigrationSpec(
        virtual_machine=VirtualMachineRef(name="vm"),
        volume="data",
        destination=Destination(claim_template=ClaimTemplate(name=destination)),
    )


def claim(name, size, **changes):
    """A bound filesystem claim of so many bytes."""
    plain = SeenClaim(
        name=name,
        uid=name,
        phase="Bound",
        deleting=False,
        block=False,
        access_modes=("ReadWriteOnce",),
        storage_class="fast",
        request=str(size),
        requested=size,
        capacity=size,
        created_for=None,
    )
    return dataclasses.replace(plain, **changes)


def storage(**changes):
    """One driver that can take snapshots."""
    plain = Storage(
        source_driver="csi.test",
        destination_driver="csi.test",
        snapshot_classes=(SeenSnapshotClass(name="snaps", is_default=False, deletes=True),),
    )
    return dataclasses.replace(plain, **changes)


def snapshot(switch_uid, token, **changes):
    """A snapshot that is ready."""
    plain = SeenSnapshot(
        name=f"detour-{token}",
        uid="snapshot",
        deleting=False,
        switch_uid=switch_uid,
        token=token,
        ready=True,
        restore_bytes=1,
        created=NOW,
    )
    return dataclasses.replace(plain, **changes)


def surroundings(source, destination):
    """A VM on the source; the destination claim, or None while it is not there."""
    claims = {"data": source.name}
    return Surroundings(
        virtual_machine=SeenVirtualMachine(name="vm", uid="vm", claims=claims),
        source=source,
        destination=destination,
        storage_class_exists=True,
        template_bytes=None,
        destination_users=(),
    )


def jobs(
    state,
    uid,
    switch_uid,
    token,
    method=CopyMethod.HOST_ASSISTED,
    verify=Verify.NONE,
    *,
    looks=False,
):
    """The copy Job as a tuple: suspended, running, complete or failed; none without a state."""
    if not state:
        return ()
    job = SeenJob(
        name="job",
        uid=uid,
        deleting=False,
        switch_uid=switch_uid,
        token=token,
        finished=state in ("complete", "failed"),
        failed=state == "failed",
        suspended=state == "suspended",
        failure_reason="BackoffLimitExceeded",
        failure_message="it failed too often",
        method=method,
        verify=verify,
        looks=looks,
    )
    return (job,)


def copiers(alive):
    """The copier's pod while it lives."""
    return (SeenCopier(name="copier", ended=False),) if alive else ()
