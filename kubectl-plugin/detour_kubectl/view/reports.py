"""What ``list``, ``explain`` and ``doctor`` print."""

import datetime
from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from detour_crds.conditions import MigrationCondition
from detour_crds.volume_migration import Trust
from detour_kubectl.domain import answering, migrations, texts
from detour_kubectl.domain.health import Finding, Health
from detour_kubectl.domain.migrations import Migration
from detour_kubectl.domain.reasons import NOTHING_TO_DO
from detour_kubectl.domain.stages import active, stages
from detour_kubectl.domain.story import Explanation
from detour_kubectl.domain.verdicts import Judgement, Verdict
from detour_kubectl.view import words
from detour_kubectl.view.terminal import Terminal

HEADER: Final = (
    "NAME", "VM", "VOLUME", "DESTINATION", "PHASE", "PROGRESS", "REASON", "AGE",
)  # fmt: skip
MARKS: Final = {
    Health.OK: ("ok", "green"),
    Health.WARNING: ("warning", "yellow"),
    Health.BAD: ("bad", "bold red"),
    Health.UNKNOWN: ("unknown", "dim"),
}
VERDICTS: Final = {
    Verdict.LIVE: "green",
    Verdict.STOPPED: "green",
    Verdict.OFFLINE: "yellow",
    Verdict.LATER: "yellow",
    Verdict.NO: "bold red",
    Verdict.UNKNOWN: "dim",
}
PHASE_COLUMN: Final = 4


def listing(
    terminal: Terminal,
    found: Sequence[Migration],
    now: datetime.datetime,
    *,
    with_namespace: bool,
) -> None:
    """A table, as ``kubectl get`` prints one."""
    rows = [_listed(item, now, with_namespace=with_namespace) for item in found]
    styles = {words.phase(item): words.style(item) for item in found}
    column = PHASE_COLUMN + with_namespace
    header = ("NAMESPACE", *HEADER) if with_namespace else HEADER
    terminal.rows(
        header, rows, lambda index, cell: styles.get(cell, "") if index == column else ""
    )


def _listed(item: Migration, now: datetime.datetime, *, with_namespace: bool) -> tuple[str, ...]:
    progress = item.status.progress
    percent = progress.percent if progress is not None else None
    row = (
        item.name,
        item.spec.virtual_machine.name,
        item.spec.volume,
        migrations.destination(item),
        words.phase(item),
        "" if percent is None else f"{percent}%",
        migrations.reason(item),
        texts.age(item.created, now),
    )
    return (item.namespace, *row) if with_namespace else row


def stop(terminal: Terminal, migration: Migration, image: Trust) -> None:
    """What a stop asks, and what is given up with an answer to it."""
    terminal.line(words.title(migration), "bold")
    asked = migration.condition(MigrationCondition.STALLED)
    if asked is not None:
        terminal.line(f"{asked.reason}: {asked.message}", words.style(migration))
    for sentence in answering.consequences(migration, image):
        terminal.line(sentence)


def explanation(terminal: Terminal, found: Explanation) -> None:
    """The story of one migration, the next step before the evidence."""
    migration = found.migration
    head = Text.assemble(
        (words.title(migration), "bold"), "  ", (words.phase(migration), words.style(migration))
    )
    terminal.out.print(head, soft_wrap=True)
    here, fill = active(stages(migration)), words.overlay(migration)
    if here is not None and words.progress(here):
        overlay = f"  overlay {fill}" if fill else ""
        terminal.line(f"  {here.name.value}  {words.progress(here)}{overlay}".rstrip())
    for item in found.told:
        terminal.line()
        terminal.line(f"{item.condition.reason} ({item.condition.type})", "bold")
        terminal.line(f"  {item.condition.message}" if item.condition.message else "  -")
        if item.entry is not None:
            terminal.line(f"  means: {item.entry.meaning}")
            if item.entry.next_step not in ("", NOTHING_TO_DO):
                terminal.line(f"  to do: {item.entry.next_step}")
            terminal.line(f"  {item.entry.where}", "dim")
    if not found.told:
        terminal.line(f"  {migrations.message(migration)}")
    terminal.line()
    terminal.line(f"Next step: {found.next_step}", "bold")
    _evidence(terminal, found)


def _evidence(terminal: Terminal, found: Explanation) -> None:
    method = found.migration.status.copy_method
    if method is not None and method.name:
        terminal.line()
        terminal.line(f"Copy method: {method.name}: {method.reason or ''}")
        for other in method.refused or ():
            terminal.line(f"  not {other.name}: {other.reason}: {other.message or ''}")
    if found.events:
        terminal.line()
        terminal.line("Events:")
        for event in found.events:
            style = "yellow" if event.warning else ""
            terminal.line(f"  {event.time}  {event.reason}: {event.message}", style)
    if found.log:
        terminal.line()
        terminal.line("Log:")
        for line in found.log:
            style = "yellow" if line.level in ("warning", "error", "critical") else ""
            terminal.line(f"  {line.time}  {line.source}: {line.text}".rstrip(), style)
    for missing in found.unseen:
        terminal.line()
        terminal.line(f"Not looked at: {missing}", "dim")


def explanation_data(found: Explanation) -> dict[str, Any]:
    """The same for programs."""
    return {
        "namespace": found.migration.namespace,
        "name": found.migration.name,
        "phase": words.phase(found.migration),
        "outcome": found.outcome.value,
        "nextStep": found.next_step,
        "reasons": [
            {
                "condition": item.condition.type,
                "status": item.condition.status.value,
                "reason": item.condition.reason,
                "message": item.condition.message,
                "meaning": item.entry.meaning if item.entry is not None else "",
                "nextStep": item.entry.next_step if item.entry is not None else "",
                "docs": item.entry.where if item.entry is not None else "",
            }
            for item in found.told
        ],
        "events": [
            {"time": event.time, "reason": event.reason, "message": event.message}
            for event in found.events
        ],
        "log": [
            {"time": line.time, "source": line.source, "level": line.level, "text": line.text}
            for line in found.log
        ],
        "notLookedAt": list(found.unseen),
    }


def finding(terminal: Terminal, found: Finding) -> None:
    """One line of the doctor's, and one for what to do."""
    mark, style = MARKS[found.health]
    told = Text.assemble((f"{mark:<8}", style), (f"{found.subject}: ", "bold"), found.detail)
    terminal.out.print(told, soft_wrap=True)
    if found.next_step and found.health is not Health.OK:
        terminal.line(f"        to do: {found.next_step}")


def finding_data(found: Finding) -> dict[str, str]:
    """The same for programs."""
    return {
        "subject": found.subject,
        "health": found.health.value,
        "detail": found.detail,
        "nextStep": found.next_step,
    }


def judgement(terminal: Terminal, found: Judgement) -> None:
    """What is said of one volume."""
    good = found.verdict in (Verdict.LIVE, Verdict.STOPPED)
    told = Text.assemble(
        (f"{found.machine}/{found.volume}: ", "bold"),
        (found.verdict.value, VERDICTS[found.verdict]),
    )
    if not good:
        told.append(f": {found.reason}: {found.message}" if found.reason else f": {found.message}")
    terminal.out.print(told, soft_wrap=True)
    if found.next_step not in ("", NOTHING_TO_DO):
        terminal.line(f"        to do: {found.next_step}")


def judgement_data(found: Judgement) -> dict[str, str]:
    """The same for programs."""
    return {
        "virtualMachine": found.machine,
        "volume": found.volume,
        "verdict": found.verdict.value,
        "reason": found.reason,
        "message": found.message,
        "nextStep": found.next_step,
    }
