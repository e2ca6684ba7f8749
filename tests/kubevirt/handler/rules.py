"""What virt-handler makes of a domain; pure (KubeVirt facts 1, 3, 6.4 and 7)."""

from dataclasses import dataclass, field

from kubevirt.launcher.spec import claim_info
from kubevirt.objects import (
    FINAL_PHASES,
    claim_volumes,
    condition,
    copied,
    has_condition,
    remove_condition,
    set_condition,
    set_phase,
)

RESYNC = 300.0
# libvirt's VIR_DOMAIN_DISK_ERROR_NO_SPACE.
NO_SPACE = 2
IO_ERROR_DELAY = 10.0
IO_ERROR_LIMIT = 1000.0
SHUTOFF_PHASES = {"Shutdown": "Succeeded", "Saved": "Succeeded"}


def phase(current: str, state: str, reason: str) -> str:
    """A VMI's phase by its domain (KubeVirt facts 7).

    Args:
        current: the phase so far.
        state: the domain's state, empty where there is no domain.
        reason: why it is in that state.
    """
    if current == "Scheduled":
        return (
            "Running"
            if state in ("Running", "Paused", "Blocked")
            else _final(state, reason) or current
        )
    if current == "Running":
        return _final(state, reason) or ("Failed" if state == "" else current)
    return current


def has_launcher(pods: list[dict], node: str) -> bool:
    """Whether one of a VMI's pods lives on the node (KubeVirt facts 7)."""
    return any(
        pod["spec"].get("nodeName") == node
        and pod.get("status", {}).get("phase") not in FINAL_PHASES
        for pod in pods
    )


def _final(state: str, reason: str) -> str:
    if state == "Crashed":
        return "Failed"
    if state == "Shutoff" and reason != "Migrated":
        return SHUTOFF_PHASES.get(reason, "Failed")
    return ""


def updated(vmi: dict, domain: dict) -> dict:
    """The VMI with what its domain says.

    Args:
        vmi: as it is.
        domain: state, reason and disks, as the launcher gives them.
    """
    fresh = copied(vmi)
    state, reason = domain["state"], domain["reason"]
    set_phase(fresh, phase(vmi["status"].get("phase", ""), state, reason))
    _paused(fresh, state, reason)
    _targets(fresh, domain.get("disks") or [])
    if fresh["status"]["phase"] == "Running":
        set_migratable(fresh)
        fresh["status"].setdefault("selinuxContext", "none")
        if condition(fresh, "Synchronized"):
            remove_condition(fresh, "Synchronized")
    return fresh


def _paused(vmi: dict, state: str, reason: str) -> None:
    """Only a pause by a user or by an I/O error is told (KubeVirt facts 1)."""
    if state == "Paused" and reason == "IOError":
        set_condition(
            vmi, "Paused", "True", "PausedIOError", "VMI was paused, low-level IO error detected"
        )
    elif state == "Paused" and reason == "User":
        set_condition(vmi, "Paused", "True", "PausedByUser", "VMI was paused by user")
    elif condition(vmi, "Paused"):
        remove_condition(vmi, "Paused")


def io_error_message(before: dict, after: dict, domain: dict) -> str:
    """What to tell when a guest was just paused by an I/O error, empty if it was not."""
    if not has_condition(after, "Paused") or has_condition(before, "Paused"):
        return ""
    errors = domain.get("diskErrors") or {}
    if not errors:
        return ""
    disks = ", ".join(sorted(errors))
    if NO_SPACE in errors.values():
        return f"VM Paused due to not enough space on volume: {disks}"
    return f"VM Paused due to IO error at the volume: {disks}"


def _targets(vmi: dict, disks: list[dict]) -> None:
    """`volumeStatus[].target`: the device, empty while its source is neither file nor device.

    KubeVirt facts 3.
    """
    by_volume = {disk["volume"]: disk for disk in disks}
    for entry in vmi["status"].get("volumeStatus") or []:
        disk = by_volume.get(entry["name"])
        if disk is not None:
            entry["target"] = disk["target"] if disk["source"] else ""


def set_migratable(vmi: dict) -> None:
    """LiveMigratable wants every claim shared or being migrated; StorageLiveMigratable does not.

    KubeVirt facts 6.4.
    """
    migrated = {entry["volumeName"] for entry in vmi["status"].get("migratedVolumes") or []}
    alone = [
        volume["name"]
        for volume in claim_volumes(vmi)
        if "ReadWriteMany" not in (claim_info(vmi, volume["name"]).get("accessModes") or [])
        and volume["name"] not in migrated
    ]
    if alone:
        claim = claim_info(vmi, alone[0]).get("claimName", alone[0])
        message = (
            f"cannot migrate VMI: PVC {claim} is not shared, live migration requires that "
            "all PVCs must be shared (using ReadWriteMany access mode)"
        )
        set_condition(vmi, "LiveMigratable", "False", "DisksNotLiveMigratable", message)
    else:
        set_condition(vmi, "LiveMigratable", "True")
    set_condition(vmi, "StorageLiveMigratable", "True")
    vmi["status"]["migrationMethod"] = "BlockMigration" if migrated else "LiveMigration"


@dataclass
class SyncClock:
    """When a VMI is to be synced: on each change of VMI or domain, else now and then.

    A guest paused by an I/O error is resumed after 10 s, then 20, 40, ...; the count starts anew
    when it ran for as long as the last wait (KubeVirt facts 1, 3 and 11).
    """

    seen: tuple = ()
    due: float = 0.0
    io_due: float = 0.0
    io_errors: int = 0

    def is_due(self, vmi: dict, domain: dict, now: float) -> bool:
        """Whether to call SyncVMI now."""
        if is_io_error(domain):
            if not self.io_errors:
                self._wait_for_io(now)
            return now >= self.io_due
        if self.io_errors and now >= self.io_due:
            self.io_errors = 0
        return self._sight(vmi, domain) != self.seen or now >= self.due

    def synced(self, vmi: dict, domain: dict, now: float) -> None:
        """Notes a sync of what `is_due` was asked about."""
        self.seen = self._sight(vmi, domain)
        self.due = now + RESYNC
        if is_io_error(domain):
            self._wait_for_io(now)

    def _sight(self, vmi: dict, domain: dict) -> tuple:
        return vmi["metadata"]["resourceVersion"], domain["state"], domain["reason"]

    def _wait_for_io(self, now: float) -> None:
        self.io_due = now + min(IO_ERROR_DELAY * 2**self.io_errors, IO_ERROR_LIMIT)
        self.io_errors += 1


def is_io_error(domain: dict) -> bool:
    """Whether the guest stands still because of its disk."""
    return (domain["state"], domain["reason"]) == ("Paused", "IOError")


def is_migrating(vmi: dict) -> bool:
    """Whether the guest is on its way to another node."""
    state = vmi.get("status", {}).get("migrationState") or {}
    return "startTimestamp" in state and "endTimestamp" not in state


@dataclass
class Memory:
    """What virt-handler remembers of a VMI between two looks."""

    clock: SyncClock = field(default_factory=SyncClock)
    failures: int = 0
    retry_at: float = 0.0
    finalized: str = ""
