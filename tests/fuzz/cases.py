"""Cases: an object of one of our kinds and what happens to it, drawn from a seed; pure.

A generator of our own draws them, not Hypothesis: each case has a seed, so that any of them can be
had alone, and neighbours are not near copies of one another (Hypothesis tries variations of what
it has drawn).
"""

import copy
import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from random import Random
from typing import Any

import yaml

from fuzz import schema

MIGRATION, SWITCH = "VolumeMigration", "AttachmentSwitch"
PLURALS = {MIGRATION: "volumemigrations", SWITCH: "attachmentswitches"}
NUMBER = "{n}"
"""Where a name has the case's seed, six digits: no two objects have one name."""
DIGITS = 6
CRDS = pathlib.Path(__file__).parents[2] / "crds"
SPOILS = (0, 0, 0, 0, 0, 1, 1, 2)
"""How many fields of a spec are spoiled, drawn from these."""
SENSIBLE = 0.9
"""How often what the schema alone allows is made what its rules allow, too."""
MOST_STEPS = 4
FOREIGNNESS = 0.15
"""How often an object comes with other people's metadata."""

MACHINES = (*["web"] * 6, *["off"] * 4, "second", "paths", "nested", "bare", "absent")
VOLUMES = (*["data"] * 9, *["root"] * 5, "cloud", "absent", "up", "query")
OF_PATHS = ("data", "up", "query")
"""The volumes of the machine ``paths``."""
CLAIMS = ("spare", "spare", "spare-2", "small", "device", "lost", "pending", "absent", "web-data")
HINTS: schema.Hints = {
    ("virtualMachine", "name"): MACHINES,
    ("volume",): VOLUMES,
    ("destination", "claimName"): CLAIMS,
    ("destination", "claimTemplate", "storageClassName"): ("x", "x", "", "nowhere"),
    ("destination", "claimTemplate", "size"): ("1Gi", "2Gi", "1", "8Ei", "9" * 31 + "E"),
    ("overlay", "storageClassName"): ("x", "nowhere"),
    ("overlay", "limit"): ("1Gi", "0", "1"),
    ("copy", "bandwidthLimit"): ("1Mi", "64Ki", "1"),
    ("mirror", "bandwidthLimit"): ("1Mi", "0"),
    # What ends a move at once is not to be half of all cases.
    ("cancel",): (False, False, False, True),
    ("dryRun",): (False, False, True),
    ("position",): ("Frozen", "Frozen", "Destination", "Source"),
}
"""Of what ``scene`` has, mostly."""
FOREIGN_FINALIZER = "example.org/keep"


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One object, as JSON can say it.

    Attributes:
        seed: it was drawn from.
        kind: of the object.
        metadata: of the object.
        spec: of the object.
        strict: whether the API server is asked to refuse fields it does not know.
        beside: the spec of an object of the other kind and the same name that is there before.
        steps: what happens to it: each has ``do``, and ``settled`` if the operator has its time
            before; ``edit`` and ``metadata`` have a merge patch, ``again`` a spec.
    """

    seed: int
    kind: str
    metadata: dict[str, Any]
    spec: Any
    strict: bool = False
    beside: Any = None
    steps: tuple[dict[str, Any], ...] = ()


@functools.cache
def spec_schema(kind: str) -> schema.Schema:
    """The schema of a kind's spec, as the CRD has it."""
    definition = yaml.safe_load((CRDS / f"{PLURALS[kind]}.yaml").read_text())
    whole = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: schema.Schema = whole["properties"]["spec"]
    return found


def _padded(length: int) -> str:
    return NUMBER + "a" * (length - DIGITS)


NAMES = (
    *["m-" + NUMBER] * 60,
    *(_padded(length) for length in (DIGITS, 62, 63, 64, 253, 254, 300)),
    NUMBER + ".a", NUMBER + ".a" * 120, NUMBER + "-", "." + NUMBER, NUMBER + "..a",
    "A" + NUMBER, NUMBER + "_", NUMBER + "é", NUMBER + "/a", NUMBER + "%2e", NUMBER + " ",
    "..", "", 5, None, {"a": NUMBER},
)  # fmt: skip
FOREIGN: tuple[dict[str, Any], ...] = (
    {"labels": {"detour.dev/component": "copier", "app": "a"}},
    {"labels": {"a": "x" * 64}},
    {"labels": {"a b": "c"}},
    {"labels": 5},
    {"annotations": {"detour.dev/token": "t", "detour.dev/switch-uid": "u"}},
    {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "[" * 5000}},
    {"annotations": {"a": "x" * 300_000}},
    {"annotations": {"a": "x" * 200_000, "b": "\U0001f4be\u202e"}},
    {"annotations": {"a": 5}},
    {"annotations": None},
    {"finalizers": [FOREIGN_FINALIZER]},
    {"finalizers": [FOREIGN_FINALIZER, "detour.dev/migration", "detour.dev/switch"]},
    {"finalizers": ["not qualified"]},
    {"finalizers": "a"},
    {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "gone", "uid": "u-0"}]},
    {"ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": ""}]},
    {"generateName": "a-"},
    {"namespace": "elsewhere"},
    {"uid": "u-1"},
    {"resourceVersion": "1"},
    {"generation": -1},
    {"deletionTimestamp": "2020-01-01T00:00:00Z"},
    {"creationTimestamp": "never"},
)
WISHES: Mapping[str, tuple[dict[str, Any], ...]] = {
    MIGRATION: (
        {"cancel": True}, {"cancel": False}, {"hold": True}, {"hold": False},
        {"trust": "Source"}, {"trust": "Destination", "answeredStop": "AmbiguousPivot-12345678-1"},
        {"trust": None, "answeredStop": None}, {"sourceReclaimPolicy": "Delete"},
    ),
    SWITCH: (
        {"position": "Source"}, {"position": "Destination"}, {"position": "Frozen"},
        {"destination": {"claimName": "spare"}}, {"trust": "Overlay"},
        {"trust": "Overlay", "answeredStop": "NodeLost-12345678-1-1"},
    ),
}  # fmt: skip
STEPS = ("edit", "edit", "edit", "metadata", "delete", "again", "strip", "delete the other")


def drawn(seed: int) -> Case:
    """The case of a seed; the same each time."""
    draw = Random(seed)
    kind = draw.choice((MIGRATION, MIGRATION, SWITCH))
    other = SWITCH if kind == MIGRATION else MIGRATION
    foreign = draw.choice(FOREIGN) if draw.random() < FOREIGNNESS else {}
    return Case(
        seed=seed,
        kind=kind,
        metadata=_numbered({"name": draw.choice(NAMES), **foreign}, seed),
        spec=schema.odd(draw) if draw.random() < 0.02 else spec(kind, draw),
        strict=draw.random() < 0.5,
        beside=spec(other, draw) if draw.random() < 0.1 else None,
        steps=tuple(_step(kind, draw) for _ in range(draw.randint(0, MOST_STEPS))),
    )


def spec(kind: str, draw: Random) -> dict[str, Any]:
    """A spec that is valid, or has a field or two spoiled."""
    whole = spec_schema(kind)
    found = schema.valid(whole, draw, HINTS)
    if draw.random() < SENSIBLE:
        found = _sensible(found, draw)
    for _ in range(draw.choice(SPOILS)):
        found = schema.spoiled(found, draw, draw.choice(tuple(schema.paths(whole))))
    return found


def _sensible(found: dict[str, Any], draw: Random) -> dict[str, Any]:
    """What the rules of the CRD, which no schema shows, allow as well."""
    whole = copy.deepcopy(found)
    if whole["virtualMachine"]["name"] == "paths":
        whole["volume"] = draw.choice(OF_PATHS)
    destination, overlay = whole.get("destination", {}), whole.get("overlay", {})
    if "claimName" in destination and "claimTemplate" in destination:
        destination.pop(draw.choice(("claimName", "claimTemplate")))
    if not destination:
        destination["claimName"] = draw.choice(CLAIMS)
    if "claimName" not in destination:
        destination.pop("overwrite", None)
    if "mirror" in whole or whole.get("position") == "Destination":
        overlay.pop("where", None)
    if overlay.get("where") != "Claim":
        overlay.pop("storageClassName", None)
    if ("trust" in whole) != ("answeredStop" in whole):
        whole.pop("trust", None)
        whole.pop("answeredStop", None)
    if whole.get("position") == "Destination":
        whole["destination"] = destination
        whole.setdefault("mirror", {})
    return whole


def _step(kind: str, draw: Random) -> dict[str, Any]:
    step: dict[str, Any] = {"do": draw.choice(STEPS), "settled": draw.random() < 0.5}
    match step["do"]:
        case "edit":
            step["patch"] = draw.choice(WISHES[kind]) if draw.random() < 0.5 else _edit(kind, draw)
        case "metadata":
            step["patch"] = draw.choice(FOREIGN)
        case "again":
            step["spec"] = spec(kind, draw)
    return step


def _edit(kind: str, draw: Random) -> dict[str, Any]:
    """A merge patch of a spec: one field, valid or odd."""
    name, field = draw.choice(tuple(spec_schema(kind)["properties"].items()))
    good = draw.random() < 0.6
    return {name: schema.valid(field, draw, HINTS, (name,)) if good else schema.odd(draw)}


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace(NUMBER, f"{number:0{DIGITS}d}")
    if isinstance(value, dict):
        return {key: _numbered(item, number) for key, item in value.items()}
    return value


def as_json(case: Case) -> dict[str, Any]:
    """For the record."""
    return dataclasses.asdict(case)


def from_json(told: Mapping[str, Any]) -> Case:
    """From the record.

    Raises:
        TypeError: it is none of a case.
    """
    return Case(**{**told, "steps": tuple(told["steps"])})
