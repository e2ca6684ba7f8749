"""Values for an OpenAPI schema: what it allows, and how such a value is spoiled."""

import copy
import string
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

Schema = Mapping[str, Any]
Path = tuple[str, ...]
Hints = Mapping[Path, tuple[Any, ...]]

UNKNOWN_FIELD = "unexpected"
OPTIONAL = 0.45
"""How likely a field is there that need not be."""
HINTED = 0.8

OTHER_TYPES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**40, "", "true", "0",
    [], [None], [[]], ["a", "a"], {}, {"name": {}}, {"": 0},
)  # fmt: skip
NASTY_TEXT = (
    " ", ".", "..", "../x", "../../../api/v1/secrets", "a/b", "/", "%2e%2e", "%00", "a b", "a\tb",
    "a\nb", "\0", "A", "-a", "a-", "a..b", ".a", "a.", "_", "a_b", "é", "名前", "\u202ea",
    "\ufeffa", "\U0001f4be", "e\u0301", "\ud800", "?watch=true", "x?watch=true", "#", "a#b", "a&b",
    "a=b", "a,b", "$(id)", "`id`", "{{ a }}", "${a}", "'", '"', "\\", "--help", "null", "true",
    "0x10", "1e3", "1E400", "1e-9", "-1", "+1", "0", "00", "0.0", "0Ki", "1", "1.5", "1.", ".5",
    "1k", "1K", "1m", "1n", "1Zi", "1 Gi", "1GI", "Gi", "1iG", "\u0661Gi", "1_000", "1/2", "NaN",
    "Infinity", "64Ki", "65535", "1Gi", "2Gi", "1.000000001Gi", "16Ei", "7.999999Ei",
    "9" * 19, "9" * 32, "9" * 31 + "E", "9" * 30 + "Ei", "0." + "0" * 28 + "1",
)  # fmt: skip
UNUSUAL = "".join(map(chr, (*range(1, 33), *range(127, 161), *range(0x2000, 0x2070), 0x10FFFF)))
LENGTHS = (1, 62, 63, 64, 252, 253, 254, 4096)

LETTERS = string.ascii_lowercase + string.digits
NAME, LABEL = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
CLASS_NAME = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|k)?$"
STOP = "^[A-Z][A-Za-z]+-[a-z0-9]{8}(-[0-9]+)+$"
STOPS = ("AmbiguousPivot", "AmbiguousCommit", "NodeLost")
UNITS = ("", "", "k", *(unit + i for unit in "KMGTPE" for i in ("", "i")))


def valid(schema: Schema, draw: Random, hints: Hints, path: Path = ()) -> Any:
    """What the schema allows; ``hints`` are values by their path, taken often.

    Raises:
        LookupError: the schema has something that is not known here.
    """
    if path in hints and draw.random() < HINTED:
        return draw.choice(hints[path])
    if "enum" in schema:
        return draw.choice(schema["enum"])
    match schema["type"]:
        case "boolean":
            return draw.random() < 0.5
        case "string":
            return _text(schema, draw)
        case "array":
            return _list(schema, draw, hints, path)
        case "object":
            return _object(schema, draw, hints, path)
        case other:
            raise LookupError(f"{'.'.join(path)}: values of the type {other} are not drawn here")


def _object(schema: Schema, draw: Random, hints: Hints, path: Path) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: valid(field, draw, hints, (*path, name))
        for name, field in schema["properties"].items()
        if name in required or draw.random() < OPTIONAL
    }


def _list(schema: Schema, draw: Random, hints: Hints, path: Path) -> list[Any]:
    items = [valid(schema["items"], draw, hints, (*path, "*")) for _ in range(4)]
    several = list(dict.fromkeys(items))  # all lists there are are sets
    return several[: draw.randint(schema.get("minItems", 0), schema.get("maxItems", 4))]


def _text(schema: Schema, draw: Random) -> str:
    least, most = schema.get("minLength", 0), schema["maxLength"]
    # The limit itself is where mistakes are.
    length = draw.choice((least, least + 1, min(12, most), most - 1, most))
    match schema.get("pattern"):
        case str(pattern) if pattern == NAME:
            return _name(draw, length, LETTERS + "-.")
        case str(pattern) if pattern == LABEL:
            return _name(draw, length, LETTERS + "-")
        case str(pattern) if pattern == CLASS_NAME:
            return _name(draw, length, LETTERS + "-.") if length else ""
        case str(pattern) if pattern == QUANTITY:
            return _quantity(draw, max(1, length))
        case str(pattern) if pattern == STOP:
            attempt = "".join(draw.choices(LETTERS, k=8))
            return f"{draw.choice(STOPS)}-{attempt}-{draw.randrange(10)}"
        case other:
            raise LookupError(f"text of the pattern {other} is not drawn here")


def _name(draw: Random, length: int, inner: str) -> str:
    ends = draw.choices(LETTERS, k=2)
    return (ends[0] + "".join(draw.choices(inner, k=max(0, length - 2))) + ends[1])[:length]


def _quantity(draw: Random, length: int) -> str:
    unit = draw.choice(UNITS)
    digits = "".join(draw.choices(string.digits, k=max(1, length - len(unit))))
    at = draw.randint(1, len(digits) - 2) if len(digits) > 2 and draw.random() < 0.3 else 0
    return (f"{digits[:at]}.{digits[at + 1 :]}" if at else digits) + unit


def paths(schema: Schema, above: Path = ()) -> Iterator[Path]:
    """Every field of an object, its own parts after it."""
    for name, field in schema.get("properties", {}).items():
        yield (*above, name)
        yield from paths(field, (*above, name))


def odd(draw: Random) -> Any:
    """Any value that is hard to take: of another type, or text of some kind."""
    match draw.randrange(6):
        case 0 | 1:
            return draw.choice(OTHER_TYPES)
        case 2:
            return "a" * draw.choice(LENGTHS)
        case 3:
            return "".join(draw.choices(UNUSUAL, k=draw.randrange(9)))
        case _:
            return draw.choice(NASTY_TEXT)


def spoiled(value: Mapping[str, Any], draw: Random, path: Path) -> dict[str, Any]:
    """A copy with one field spoiled: absent, beside an unknown one, or with an odd value.

    Objects on the way to it are made.
    """
    whole: dict[str, Any] = copy.deepcopy(dict(value))
    above = whole
    for name in path[:-1]:
        if not isinstance(above.get(name), dict):
            above[name] = {}
        above = above[name]
    match draw.randrange(6):
        case 0:
            above.pop(path[-1], None)
        case 1:
            above[UNKNOWN_FIELD] = odd(draw)
        case _:
            above[path[-1]] = odd(draw)
    return whole
