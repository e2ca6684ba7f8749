"""The stop that asks which image to trust: what may be answered, and what that means; pure."""

from typing import Final

from detour_crds import answers, stops
from detour_crds.attachment_switch import AttachmentSwitchStatus
from detour_crds.conditions import MigrationCondition
from detour_crds.volume_migration import Trust
from detour_kubectl.domain import migrations, reasons
from detour_kubectl.domain.migrations import Migration, Outcome
from detour_kubectl.domain.reasons import Section
from detour_kubectl.errors import RefusedError

MEANINGS: Final = {
    Trust.SOURCE: "the source alone",
    Trust.OVERLAY: "the overlay on top of the source",
    Trust.DESTINATION: "the destination",
}


def fitting(migration: Migration) -> tuple[Trust, ...]:
    """The images that the stop takes for an answer; none where there is no stop, or no switch."""
    stop, spec = migration.status.stop, migration.switch_spec
    if stop is None or spec is None:
        return ()
    return answers.fitting(stop, spec, migration.switch or AttachmentSwitchStatus())


def refuse_unfit(migration: Migration, image: Trust) -> None:
    """Let pass what is an answer to the stop that there is.

    Raises:
        RefusedError: there is none, or the image is no answer to it.
    """
    stop = migration.status.stop
    explain = f"`kubectl detour explain {migration.name} -n {migration.namespace}`"
    if stop is None or migration.switch_spec is None:
        told = (migrations.reason(migration), migrations.message(migration))
        raise RefusedError(
            f"{migration.name} is at no stop that asks which image to trust: "
            f"{': '.join(filter(None, told))}",
            f"{explain} says the next step",
        )
    fit = fitting(migration)
    if image in fit:
        return
    reason = stops.reason_in(stop)
    entry = reasons.find(reason, MigrationCondition.READY, Outcome.STALLED)
    why = f": {entry.meaning}" if entry is not None else ""
    takes = f"it takes {', '.join(fit)}: {reasons.PAGE}#{Section.STALLED} says when each is right"
    raise RefusedError(
        f"{image} is no answer to the stop {reason} of {migration.name}{why}",
        takes if fit else f"{explain} says the next step",
    )


def given(migration: Migration) -> Trust | None:
    """The answer to the stop that there is, if it has one that was not acted upon yet."""
    counts = migration.spec.answered_stop == migration.status.stop
    return migration.spec.trust if counts else None


def consequences(migration: Migration, image: Trust) -> tuple[str, ...]:
    """What is said with an answer, a sentence each."""
    told = [
        f"{image} is {MEANINGS[image]}. What the guest wrote and only other images have is given"
        " up for good, as soon as the answer is acted upon."
    ]
    if stops.reason_in(migration.status.stop or "") == stops.NODE_LOST:
        node = migration.status.node or "the node that is lost"
        told.append(
            f"The answer says, too, that the guest surely does not run on {node} any more."
        )
    before = given(migration)
    if before is not None:
        told.append(f"It is in place of the answer {before}, which was not acted upon yet.")
    return tuple(told)


def command(migration: Migration) -> str | None:
    """The command that answers the stop; None if there is none, or nothing fits."""
    if migration.status.stop is None:
        return None
    fit = fitting(migration)
    if migration.switch_spec is not None and not fit:
        return None
    images = "|".join(fit) or "IMAGE"
    return f"kubectl detour trust {migration.name} {images} -n {migration.namespace}"
