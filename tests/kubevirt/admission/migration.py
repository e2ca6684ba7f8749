"""What virt-api lets happen to a VirtualMachineInstanceMigration (KubeVirt facts 6.4 and 6.6)."""

from kubevirt.objects import MIGRATION_FINALIZER, VMI_NAME_LABEL, condition, is_final

from .verdict import ALLOWED, Verdict, denied


def mutate(request: dict) -> Verdict:
    """Finalizer and label on creation (KubeVirt facts 9)."""
    migration = request["object"]
    metadata = migration["metadata"]
    labels = (metadata.get("labels") or {}) | {
        VMI_NAME_LABEL: migration.get("spec", {}).get("vmiName", "")
    }
    finalizers = [*(metadata.get("finalizers") or []), MIGRATION_FINALIZER]
    return Verdict(
        patch=[
            {"op": "add", "path": "/metadata/labels", "value": labels},
            {"op": "add", "path": "/metadata/finalizers", "value": sorted(set(finalizers))},
        ]
    )


def admit_create(request: dict, vmi: dict | None, migrations: list[dict]) -> Verdict:
    """Refused for a VMI that is gone, final, not migratable, or has an unfinished migration.

    Args:
        request: the AdmissionRequest.
        vmi: the VMI it names, None if there is none.
        migrations: the migrations of the namespace.
    """
    name = request["object"].get("spec", {}).get("vmiName")
    if not name:
        return denied("vmiName is missing")
    if vmi is None:
        return denied(f'the VMI "{name}" does not exist under the cluster', 404)
    if is_final(vmi):
        return denied("Cannot migrated VMI in finalized state.", 400)
    found = condition(vmi, "LiveMigratable")
    if found and found["status"] == "False":
        return denied(
            f"Cannot migrate VMI, Reason: {found.get('reason')}, Message: {found.get('message')}",
            400,
        )
    for migration in migrations:
        if migration["spec"].get("vmiName") == name and not is_final(migration):
            return denied(
                "in-flight migration detected. Active migration job "
                f"({migration['metadata']['uid']}) is currently already in progress "
                f"for VMI {name}.",
                400,
            )
    return ALLOWED


def admit_update(request: dict) -> Verdict:
    """The spec stays as it was created."""
    if request["object"].get("spec") != request["oldObject"].get("spec"):
        return denied("update of Migration object's spec is restricted")
    return ALLOWED
