"""How facts and steps are written on the page, in the words of the code and the API."""

from collections.abc import Collection, Hashable, Iterable

from detour_agent.domain.situation import Job, Libvirt, PathImage, Target
from detour_agent.domain.step import Action, Step
from detour_crds.attachment_switch import Order, Stage, Top
from detour_crds.volume_migration import Trust
from unit.states.conditions import MAIN, Condition

ANY = "any"
IMAGES = {Top.SOURCE: "S", Top.OVERLAY: "O", Top.DESTINATION: "D", Top.FOREIGN: "another"}
PATHS = {
    PathImage.SOURCE: "S",
    PathImage.DESTINATION: "D",
    PathImage.FOREIGN: "another",
    PathImage.UNKNOWN: "not known",
}
LIBVIRT = {Libvirt.AGREES: "agrees", Libvirt.SETTLING: "is settling", Libvirt.STALE: "is stale"}
TARGETS = {
    Target.GOOD: "is good",
    Target.FAILED: "has failed",
    Target.UNKNOWN: "is unknown",
}
SAYS = {
    ("base_is_source", True): "the base is S",
    ("base_is_source", False): "the base is not S",
    ("source_open", True): "S is open",
    ("source_open", False): "S is closed",
    ("source_writable", True): "S is writable",
    ("source_writable", False): "S is read-only",
    ("healing", True): "healing",
    ("healing", False): "not healing",
    ("overlay_present", True): "O is there",
    ("overlay_present", False): "O is not there",
    ("overlay_handed", True): "QEMU may know O",
    ("overlay_handed", False): "QEMU was never told of O",
    ("ever_reported", True): "a stage was reported",
    ("ever_reported", False): "no stage was reported",
    ("refused", True): "`refused` was reported",
    ("refused", False): "`refused` was not reported",
    ("tries_left", True): "tries left",
    ("tries_left", False): "no tries left",
    ("equal", None): "not compared",
    ("equal", True): "equal",
    ("equal", False): "different",
}
OURS = frozenset(Job) - {Job.FOREIGN}
"""Of a job that is not Detour's the page speaks once, in row X3."""
KNOWN = OURS - {Job.UNKNOWN}
"""Nor, beside row U1, of one that could not be seen where it matters."""
FEW = 3
"""So many values that are not meant are named, rather than many that are."""


def top(condition: Condition) -> str:
    """What QEMU writes to."""
    return _choice(condition.get("top"), IMAGES)


def stage(condition: Condition) -> str:
    """The journal's stages."""
    return _choice(condition.get("stage"), {stage: str(stage) for stage in Stage})


def order(condition: Condition) -> str:
    """The orders."""
    return _choice(condition.get("order"), {order: order or "none" for order in Order})


def rest(condition: Condition) -> str:
    """All other facts; an empty string if none matters."""
    return ", ".join(
        said for name in sorted(condition, key=_place) if (said := _fact(name, condition[name]))
    )


def step(taken: Step) -> str:
    """A step, as ``status.node``, the log and the journal name it."""
    if taken.action is Action.STOP:
        return f"stop `{taken.reason}`"
    return f"{taken.action} `{taken.stage}`" if taken.stage else str(taken.action)


def one_of(words: Iterable[str]) -> str:
    """Words joined by ``or``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def answer(condition: Condition) -> str:
    """What a person trusts."""
    return _choice(condition.get("trust"), {trust: str(trust) for trust in Trust})


def reason(condition: Condition) -> str:
    """The stop that is answered."""
    return one_of(f"`{reason}`" for reason in sorted(map(str, condition.get("answered", ()))))


PLACES = ("job", "path", "target", "base", "equal", "libvirt", "reported")


def _place(name: str) -> tuple[int, str]:
    return (PLACES.index(name) if name in PLACES else len(PLACES), name)


def _fact(name: str, values: frozenset[Hashable]) -> str:
    if name in MAIN:
        return ""  # it has a column of its own, or a table
    if name == "job":
        return _jobs(values)
    if name == "path":
        return f"the path is {_choice(values, PATHS)}"
    if name in ("target", "base"):
        image = "D" if name == "target" else "S"
        return f"{image} {_choice(values, TARGETS)}"
    if name == "libvirt":
        settled = values == {Libvirt.AGREES, Libvirt.STALE}
        return "libvirt is not settling" if settled else f"libvirt {_choice(values, LIBVIRT)}"
    if name == "reported":
        return _reported(values)
    return one_of(sorted(SAYS[name, value] for value in values))


def _jobs(values: frozenset[Hashable]) -> str:
    if values == OURS:
        return ""
    if values == {Job.NONE}:
        return "no job"
    missing = KNOWN - values
    if len(missing) < len(values):
        return f"job not {one_of(str(job) for job in Job if job in missing)}"
    return f"job {one_of(str(job) for job in Job if job in values)}"


def _reported(values: frozenset[Hashable]) -> str:
    ends = [Order.DESTINATION, Order.SOURCE]
    told = [end for end in ends if end in values]
    if values == {Order.NONE}:
        return "nothing is reported"
    if Order.NONE in values:
        (missing,) = [end for end in ends if end not in values]
        return f"{missing} is not reported"
    return f"{one_of(told)} is reported"


def _choice(values: Collection[Hashable] | None, names: dict) -> str:
    if values is None or len(values) == len(names):
        return ANY
    missing = [names[value] for value in names if value not in values]
    if len(missing) <= FEW < len(values):
        return f"not {one_of(missing)}"
    return one_of(names[value] for value in names if value in values)
