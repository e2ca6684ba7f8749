"""What ``plan status`` prints."""

from typing import Any, Final

from detour_crds.volume_migration_plan import Counts, DiskState, DiskStatus
from detour_kubectl.domain import texts
from detour_kubectl.domain.plans import Plan
from detour_kubectl.view.terminal import Terminal

HEADER: Final = ("VM", "VOLUME", "STATE", "TO", "SIZE", "MIGRATION", "REASON")
STATE_COLUMN: Final = 2
STYLES: Final = {
    DiskState.FAILED: "red",
    DiskState.REFUSED: "yellow",
    DiskState.MOVING: "cyan",
    DiskState.SUCCEEDED: "green",
}
UNTOLD: Final = (DiskState.WAITING, DiskState.SUCCEEDED)
"""What nobody has to look at; shown where everything is asked for."""


def summary(plan: Plan) -> str:
    """How it stands, in a line."""
    counts = plan.status.counts or Counts()
    phase = plan.status.phase.value if plan.status.phase is not None else "New"
    told = (
        f"{plan.name}: {phase}, {counts.succeeded} of {counts.total} done, {counts.moving} moving,"
        f" {counts.waiting} waiting, {counts.failed} failed, {counts.refused} refused,"
        f" {counts.skipped} skipped"
    )
    size = plan.status.bytes
    if size is not None and size.total:
        told += f", {texts.size(size.done)} of {texts.size(size.total)}"
    if plan.status.eta_seconds is not None:
        told += f", ETA {texts.duration(plan.status.eta_seconds)}"
    return told


def show(terminal: Terminal, plan: Plan, *, everything: bool) -> None:
    """The plan, its message, and the disks; without ``everything`` those worth a look."""
    terminal.line(summary(plan), "bold")
    reason, message = plan.told
    terminal.line(f"  {reason}: {message}" if reason else "  nobody has looked at it yet")
    window = plan.status.window
    if window is not None:
        until = f" until {window.until}" if window.until else ""
        terminal.line(f"  maintenance window: {'open' if window.open else 'closed'}{until}")
    every = plan.status.disks or ()
    shown = [disk for disk in every if everything or disk.state not in UNTOLD]
    if shown:
        styles = {state.value: style for state, style in STYLES.items()}
        terminal.rows(
            HEADER,
            [_row(disk) for disk in shown],
            lambda column, cell: styles.get(cell, "") if column == STATE_COLUMN else "",
        )
    left_out = plan.status.disks_left_out
    if left_out:
        terminal.note(f"{left_out} more disks are not listed: status.disks has 1,000 at most")


def _row(disk: DiskStatus) -> tuple[str, ...]:
    reason = disk.reason or ""
    return (
        disk.virtual_machine,
        disk.volume,
        disk.state.value,
        disk.destination_storage_class or "",
        texts.size(disk.bytes) if disk.bytes else "",
        disk.migration or "",
        f"{reason}: {disk.message}" if disk.message else reason,
    )


def data(plan: Plan) -> dict[str, Any]:
    """The same for programs: the status as the API has it."""
    return {"namespace": plan.namespace, "name": plan.name, **plan.raw_status}
