"""Which disks are a plan's, and in which order they are moved."""

import pytest

from detour_crds.volume_migration_plan import (
    DiskSelector,
    DiskState,
    LabelSelector,
    Order,
    Requirement,
    SelectorOperator,
)
from detour_operator.plans.disks import disks
from detour_operator.plans.labels import matches
from detour_operator.plans.observation import SeenClaim
from unit.operator.plans.seen import GIB, machine, migration, name_of, observed, spec

DB = machine("db", ("data", "root"), node="n1", labels={"tier": "db"})
WEB = machine("web", ("data",), labels={"tier": "web", "zone": "a"})
OTHER = {"db-root": SeenClaim(storage_class="other", bytes=GIB)}


def selected(**selector):
    found = disks(observed(DB, WEB, claims=OTHER, spec=spec(selector=DiskSelector(**selector))))
    return {f"{disk.machine}/{disk.volume}" for disk in found}


def expression(key, operator, *values):
    item = Requirement(key=key, operator=operator, values=values or None)
    return LabelSelector(match_expressions=(item,))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, {"db/data", "db/root", "web/data"}),
        ({"volumes": ("root",)}, {"db/root"}),
        ({"nodes": ("n1",)}, {"db/data", "db/root"}),
        ({"nodes": ("n2",)}, set()),
        ({"storage_class_names": ("slow",)}, {"db/data", "web/data"}),
        ({"machines": LabelSelector(match_labels={"tier": "web"})}, {"web/data"}),
        ({"machines": LabelSelector(match_labels={"tier": "web", "zone": "b"})}, set()),
        ({"machines": LabelSelector()}, {"db/data", "db/root", "web/data"}),
        (
            {"machines": LabelSelector(match_labels={"tier": "db"}), "volumes": ("data",)},
            {"db/data"},
        ),
    ],
)
def test_what_is_selected(selector, expected):
    assert selected(**selector) == expected


@pytest.mark.parametrize(
    ("selector", "with_it", "without"),
    [
        (expression("tier", SelectorOperator.IN, "db", "x"), True, False),
        (expression("tier", SelectorOperator.IN, "x"), False, False),
        (expression("tier", SelectorOperator.NOT_IN, "db"), False, True),
        (expression("tier", SelectorOperator.NOT_IN, "x"), True, True),
        (expression("tier", SelectorOperator.EXISTS), True, False),
        (expression("tier", SelectorOperator.DOES_NOT_EXIST), False, True),
        (None, True, True),
    ],
)
def test_labels(selector, with_it, without):
    assert matches(selector, {"tier": "db"}) is with_it
    assert matches(selector, {"zone": "a"}) is without


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (SeenClaim(storage_class="fast"), "AlreadyThere"),
        (SeenClaim(storage_class="other"), "StorageClassNotMapped"),
        (SeenClaim(), "StorageClassNotMapped"),
    ],
)
def test_what_is_not_moved_says_why(claim, reason):
    (disk,) = disks(observed(machine("web"), claims={"web-data": claim}))
    assert (disk.state, disk.reason) == (DiskState.SKIPPED, reason)
    assert disk.message


def test_a_disk_whose_claim_is_not_there_is_not_moved():
    seen = observed(machine("web"), claims={"web-data": None})
    seen = type(seen)(
        now=seen.now, meta=seen.meta, spec=seen.spec, status=seen.status, machines=seen.machines
    )
    (disk,) = disks(seen)
    assert disk.reason == "ClaimNotFound"


def test_a_migration_of_somebody_else_s_is_in_the_way():
    (disk,) = disks(observed(machine("web"), others=frozenset({name_of("web")})))
    assert (disk.state, disk.reason) == (DiskState.SKIPPED, "NameTaken")


def test_what_was_moved_stays_the_plan_s_whatever_it_is_now():
    """It is on another class, its machine has other labels, or is gone."""
    moved = migration("moved")
    narrow = spec(
        selector=DiskSelector(
            machines=LabelSelector(match_labels={"tier": "web"}), storage_class_names=("slow",)
        )
    )
    now = {"web-data": SeenClaim(storage_class="fast", bytes=GIB)}
    for there in ([machine("web")], [machine("web", labels={"tier": "web"})], []):
        (disk,) = disks(observed(*there, migrations=[moved], claims=now, spec=narrow))
        assert (disk.state, disk.source_class) == (DiskState.SUCCEEDED, "slow")


def test_another_machine_of_that_name_has_another_disk():
    again = machine("web")
    object.__setattr__(again, "uid", "another")
    found = disks(observed(again, migrations=[migration("moved")]))
    assert sorted(disk.state for disk in found) == [DiskState.SUCCEEDED, DiskState.WAITING]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (Order.NAME, ["urgent", "a", "b", "c"]),
        (Order.SMALLEST_FIRST, ["urgent", "b", "c", "a"]),
        (Order.LARGEST_FIRST, ["urgent", "a", "c", "b"]),
    ],
)
def test_the_order(order, names):
    there = [machine("c"), machine("a"), machine("b"), machine("urgent", priority=1)]
    sizes = {"a-data": 3, "b-data": 1, "c-data": 2, "urgent-data": 2}
    claims = {name: SeenClaim(storage_class="slow", bytes=size) for name, size in sizes.items()}
    found = disks(observed(*there, claims=claims, spec=spec(order=order)))
    assert [disk.machine for disk in found] == names
