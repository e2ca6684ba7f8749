"""The storage classes that variables name, and whether a cluster has them; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cluster.provider import StorageClasses

VARIABLES = {
    "SOURCE_CLASS": "one class",
    "DESTINATION_CLASS": "one class",
    "SHARED_CLASS": "one class",
    "BLOCK_CLASSES": "one class, or that of sources and that of destinations",
    "CSI_CLASSES": "one class, or that of sources and that of destinations",
    "SNAPSHOT_CLASS": "one VolumeSnapshotClass",
}
"""What each may name."""


@dataclass(frozen=True)
class Had:
    """What a cluster has.

    Attributes:
        provisioners: Of each storage class, by its name.
        snapshot_classes: The VolumeSnapshotClasses; None where there is no such kind.
    """

    provisioners: Mapping[str, str]
    snapshot_classes: Mapping[str, "SnapshotClass"] | None


@dataclass(frozen=True)
class SnapshotClass:
    """A VolumeSnapshotClass: its driver, and what else decides whether Detour takes it."""

    driver: str
    default: bool
    deletes: bool


def classes(environment: Mapping[str, str]) -> StorageClasses:
    """The classes that variables name.

    Raises:
        LookupError: A variable names too many, or CSI_CLASSES or SNAPSHOT_CLASS is alone.
    """
    csi, snapshot_class = _pair(environment, "CSI_CLASSES"), _one(environment, "SNAPSHOT_CLASS")
    if (csi is None) != (snapshot_class is None):
        raise LookupError("CSI_CLASSES and SNAPSHOT_CLASS say something only together")
    return StorageClasses(
        source=_one(environment, "SOURCE_CLASS") or "",
        destination=_one(environment, "DESTINATION_CLASS") or "",
        shared=_one(environment, "SHARED_CLASS"),
        block=_pair(environment, "BLOCK_CLASSES"),
        csi=csi,
        snapshot_class=snapshot_class,
    )


def missing(named: StorageClasses, had: Had) -> list[str]:
    """What is wrong with the classes that were named, a sentence each; empty if nothing."""
    by_variable = {
        "SOURCE_CLASS": (named.source,),
        "DESTINATION_CLASS": (named.destination,),
        "SHARED_CLASS": (named.shared,) if named.shared else (),
        "BLOCK_CLASSES": named.block or (),
        "CSI_CLASSES": named.csi or (),
    }
    known = ", ".join(sorted(had.provisioners)) or "none"
    found = [
        f"{variable} names {name!r}, but the storage classes of this cluster are: {known}"
        for variable, names in by_variable.items()
        for name in dict.fromkeys(names)
        if name not in had.provisioners
    ]
    return found or list(_of_snapshots(named, had))


def _of_snapshots(named: StorageClasses, had: Had) -> Iterator[str]:
    """Detour takes the driver's default class, or its only one: that must be the named one."""
    if named.csi is None or named.snapshot_class is None:
        return
    drivers = {had.provisioners[name] for name in named.csi}
    if len(drivers) > 1:
        yield f"CSI_CLASSES must be of one driver, but are of {', '.join(sorted(drivers))}"
        return
    (driver,) = drivers
    if had.snapshot_classes is None:
        yield "SNAPSHOT_CLASS is named, but this cluster has no VolumeSnapshotClasses"
        return
    chosen = had.snapshot_classes.get(named.snapshot_class)
    if chosen is None:
        known = ", ".join(sorted(had.snapshot_classes)) or "none"
        yield (
            f"SNAPSHOT_CLASS names {named.snapshot_class!r}, but the VolumeSnapshotClasses of this"
            f" cluster are: {known}"
        )
        return
    if chosen.driver != driver:
        yield f"SNAPSHOT_CLASS is of the driver {chosen.driver}, but CSI_CLASSES are of {driver}"
        return
    if not chosen.deletes:
        yield "SNAPSHOT_CLASS retains snapshots: Detour takes only a class with the policy Delete"
    of_driver = {name: one for name, one in had.snapshot_classes.items() if one.driver == driver}
    taken = {name for name, one in of_driver.items() if one.default} or set(of_driver)
    if taken != {named.snapshot_class}:
        yield (
            f"SNAPSHOT_CLASS must be the default or the only one of {driver}, but Detour chooses"
            f" among {', '.join(sorted(taken))}"
        )


def _names(environment: Mapping[str, str], variable: str, most: int) -> list[str]:
    names = (environment.get(variable) or "").split()
    if len(names) > most:
        raise LookupError(f"{variable} may name {VARIABLES[variable]}, but is {' '.join(names)!r}")
    return names


def _one(environment: Mapping[str, str], variable: str) -> str | None:
    return next(iter(_names(environment, variable, 1)), None)


def _pair(environment: Mapping[str, str], variable: str) -> tuple[str, str] | None:
    names = _names(environment, variable, 2)
    return (names[0], names[-1]) if names else None
