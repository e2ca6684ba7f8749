"""How far a migration is, by what its user sees; pure."""

from harness.kube import Object
from robustness.plan import Stage

CONDITIONS = {
    Stage.LOCKED: "Locked",
    Stage.FROZEN: "SourceFrozen",
    Stage.COPIED: "Copied",
    Stage.RELEASED: "SourceReleased",
}
MERGING = frozenset({"Merging", "Switching", "CleaningUp", "Succeeded"})
"""Or what comes after it: a small merge is soon over."""


def conditions(migration: Object) -> dict[str, Object]:
    """The conditions of an object by their types."""
    listed = migration.get("status", {}).get("conditions", [])
    return {str(item["type"]): item for item in listed}


def reached(migration: Object) -> set[Stage]:
    """The stages that it shows; one that it has passed may not be shown any more."""
    if not migration:
        return set()
    found = {Stage.APPLIED}
    known = conditions(migration)
    found |= {
        stage for stage, kind in CONDITIONS.items() if known.get(kind, {}).get("status") == "True"
    }
    phase = migration.get("status", {}).get("phase")
    if phase == "Copying" or Stage.COPIED in found:
        found.add(Stage.COPYING)
    if phase in MERGING:
        found.add(Stage.MERGING)
    return found
