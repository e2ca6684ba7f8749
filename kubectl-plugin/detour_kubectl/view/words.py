"""One migration in words: the same on a terminal and in a log."""

from typing import Final

from detour_kubectl.domain import migrations, texts
from detour_kubectl.domain.migrations import Migration, Outcome
from detour_kubectl.domain.stages import Stage, active

STYLES: Final = {
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.STALLED: "bold red",
    Outcome.REFUSED: "yellow",
    Outcome.HOLDING: "yellow",
    Outcome.CANCELLED: "yellow",
    Outcome.RUNNING: "cyan",
}


def phase(migration: Migration) -> str:
    """The phase; a stop that the phase does not know comes first."""
    if migrations.outcome(migration) is Outcome.STALLED:
        return "Stalled"
    found = migration.status.phase
    return found.value if found is not None else "New"


def style(migration: Migration) -> str:
    """The colour of how it stands."""
    return STYLES[migrations.outcome(migration)]


def title(migration: Migration) -> str:
    """What is moved where."""
    spec, source = migration.spec, migration.status.source_claim
    arrow = f"{source} -> " if source else "to "
    return (
        f"{migration.name}: volume {spec.volume} of VM {spec.virtual_machine.name}, "
        f"{arrow}{migrations.destination(migration)}"
    )


def progress(stage: Stage) -> str:
    """How far a stage is; its time once it is over."""
    told = []
    if stage.percent is not None and stage.done is not None:
        told.append(f"{stage.percent}%")
    if stage.done is not None and stage.total:
        told.append(f"{texts.size(stage.done)} of {texts.size(stage.total)}")
    if stage.rate:
        told.append(texts.rate(stage.rate))
    if stage.eta is not None:
        told.append(f"ETA {texts.duration(stage.eta)}")
    if stage.seconds is not None:
        told.append(texts.duration(stage.seconds))
    return "  ".join(told)


def overlay(migration: Migration) -> str:
    """How full the overlay is; empty where there is none, or none any more."""
    found = migration.status.overlay
    if found is None or found.bytes is None or migrations.has_ended(migration):
        return ""
    if not found.limit_bytes:
        return texts.size(found.bytes)
    percent = texts.share(found.bytes, found.limit_bytes)
    return f"{texts.size(found.bytes)} of {texts.size(found.limit_bytes)} ({percent}%)"


def pauses(migration: Migration) -> str:
    """The longest calls that could delay the guest's writes; empty where none was made."""
    found = migration.status.pauses
    if found is None:
        return ""
    known = (
        ("start", found.start_milliseconds),
        ("switch", found.pivot_milliseconds),
        ("end", found.end_milliseconds),
    )
    return ", ".join(f"{name} {value} ms" for name, value in known if value is not None)


def line(migration: Migration, stages: tuple[Stage, ...]) -> str:
    """All in one line, for a log."""
    here, fill = active(stages), overlay(migration)
    parts = [migration.name, phase(migration)]
    if here is not None:
        parts.append(f"{here.name.value} {progress(here)}".strip())
    if fill:
        parts.append(f"overlay {fill}")
    return "  ".join(parts) + f"  {migrations.message(migration)}"


def news(migration: Migration, stages: tuple[Stage, ...]) -> tuple[object, ...]:
    """What of a line is worth a new one: not each byte, and each tenth of a stage."""
    here = active(stages)
    tenth = here.percent // 10 if here is not None and here.percent is not None else None
    name = here.name if here is not None else None
    return migration.uid, phase(migration), migrations.reason(migration), name, tenth
