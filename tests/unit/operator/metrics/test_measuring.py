"""What each write of a status counts, and that nothing is counted by who only reads it."""

import pytest

from detour_crds.volume_migration import Phase
from detour_operator.adapters import migrations, switches
from detour_operator.compute_side import measuring as of_switches
from detour_operator.metrics import families
from detour_operator.metrics.families import REGISTRY
from detour_operator.metrics.labels import MOST, OTHER, Words
from detour_operator.metrics.objects import OBJECTS
from detour_operator.storage_side import measuring as of_migrations

CREATED = "2026-01-01T00:00:00Z"
STARTED = "2026-01-01T00:00:10Z"
COPIED = "2026-01-01T00:01:10Z"
RELEASED = "2026-01-01T00:01:20Z"
ENDED = "2026-01-01T00:01:25Z"
METHOD = {"copyMethod": {"name": "CSIClone"}}


def metadata(name="m"):
    return {"name": name, "namespace": "ns", "uid": f"uid-{name}", "creationTimestamp": CREATED}


def migration(name="m", **status):
    spec = {"virtualMachine": {"name": "vm"}, "volume": "data", "destination": {}}
    return migrations.read({"metadata": metadata(name), "spec": spec, "status": status})


def switch(name="m", mirror=None, **status):
    spec = {"virtualMachine": {"name": "vm"}, "volume": "data"}
    spec |= {"mirror": mirror} if mirror is not None else {}
    return switches.read({"metadata": metadata(name), "spec": spec, "status": status})


def condition(kind, status, reason="Because"):
    return {"type": kind, "status": status, "reason": reason}


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def rise():
    """By how much a series has risen since the test began."""
    began = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }
    return lambda name, **labels: (
        value(name, **labels) - began.get((name, frozenset(labels.items())), 0.0)
    )


def write(before, **status):
    of_migrations.count(before, migration(**status).status)


def seconds(stage):
    return {"name": "detour_operator_stage_duration_seconds_sum", "stage": stage}


def times(stage):
    return {"name": "detour_operator_stage_duration_seconds_count", "stage": stage}


def test_a_stage_is_measured_where_the_time_of_its_end_is_written(rise):
    write(migration(), startTime=STARTED)
    write(migration(startTime=STARTED), startTime=STARTED, copiedTime=COPIED)
    before = {"startTime": STARTED, "copiedTime": COPIED, "releasedTime": RELEASED}
    write(migration(**before), **before, completionTime=ENDED)
    found = {stage: rise(**seconds(stage)) for stage in ("freeze", "copy", "finish")}
    assert found == {"freeze": 10, "copy": 60, "finish": 5}


def test_who_reads_a_status_counts_nothing_of_it(rise):
    told = {
        **METHOD, "phase": "Succeeded", "startTime": STARTED, "copiedTime": COPIED,
        "copied": {"bytes": 7}, "pauses": {"startMilliseconds": 12}, "completionTime": ENDED,
        "conditions": [condition("Succeeded", "True", "Succeeded")],
    }  # fmt: skip
    write(migration(**told), **{**told, "observedGeneration": 2})
    measured = (
        families.ENDED, families.STAGES, families.DURATION, families.PAUSES, families.COPIED
    )  # fmt: skip
    names = {
        sample.name
        for metric in measured
        for family in metric.collect()
        for sample in family.samples
        if rise(sample.name, **sample.labels)
    }
    assert names == set()


def test_a_move_that_begins_again_is_not_frozen_since_its_creation(rise):
    write(migration(attempt=2), attempt=2, startTime=STARTED)
    assert rise(**times("freeze")) == 0


def test_times_that_a_clock_set_back_has_written_are_no_negative_durations(rise):
    write(migration(startTime=COPIED), startTime=COPIED, copiedTime=STARTED)
    assert (rise(**seconds("copy")), rise(**times("copy"))) == (0, 1)


def test_bytes_are_counted_by_method_once_copied(rise):
    copied = {**METHOD, "copied": {"bytes": 1024}, "copiedTime": COPIED}
    write(migration(**METHOD), **copied)
    assert rise("detour_operator_copied_bytes_total", method="CSIClone") == 1024


def test_each_pause_is_counted_once_and_in_seconds(rise):
    started = {"pauses": {"startMilliseconds": 20}}
    both = {"pauses": {"startMilliseconds": 20, "pivotMilliseconds": 300}}
    write(migration(), **started)
    write(migration(**started), **both)
    write(migration(**both), **both, observedGeneration=2)
    name = "detour_operator_guest_pause_seconds"
    assert rise(f"{name}_count", call="start") == rise(f"{name}_count", call="pivot") == 1
    assert rise(f"{name}_sum", call="pivot") == pytest.approx(0.3)
    assert rise(f"{name}_count", call="end") == 0


@pytest.mark.parametrize(
    ("phase", "status", "reason"),
    [
        (Phase.SUCCEEDED, "True", "Succeeded"),
        (Phase.CANCELLED, "False", "Cancelled"),
        (Phase.FAILED, "False", "CopyFailed"),
    ],
)
def test_an_end_is_counted_by_reason_and_method_and_measured_from_the_creation(
    rise, phase, status, reason
):
    ended = {
        **METHOD, "phase": phase.value, "startTime": STARTED, "completionTime": ENDED,
        "conditions": [condition("Succeeded", status, reason)],
    }  # fmt: skip
    unknown = [condition("Succeeded", "Unknown")]
    write(migration(phase="Copying", startTime=STARTED, conditions=unknown, **METHOD), **ended)
    labels = {"phase": phase.value, "reason": reason, "method": "CSIClone"}
    assert rise("detour_operator_migrations_ended_total", **labels) == 1
    assert rise("detour_operator_migration_duration_seconds_sum", phase=phase.value) == 85


def test_what_was_never_begun_has_an_end_and_no_duration(rise):
    told = [condition("Succeeded", "True", "AlreadyThere")]
    write(migration(), phase="Succeeded", completionTime=ENDED, conditions=told)
    labels = {"phase": "Succeeded", "reason": "AlreadyThere", "method": "None"}
    assert rise("detour_operator_migrations_ended_total", **labels) == 1
    assert rise("detour_operator_migration_duration_seconds_count", phase="Succeeded") == 0


def ordered(order, time, **more):
    return {"compute": {"order": order, "orderTime": time, **more}}


def test_the_merge_is_measured_from_its_order_to_the_next(rise):
    mirrored, destination = ordered("Mirrored", COPIED), ordered("Destination", RELEASED)
    of_switches.count(switch(**mirrored), switch(**destination))
    assert rise(**seconds("merge")) == 10
    of_switches.count(switch(**ordered("Overlay", STARTED)), switch(**destination))
    assert rise(**times("merge")) == 1, "a guest that stopped is merged by its own order"


RELEASE = {
    **condition("SourceReleased", "True"),
    "lastTransitionTime": ENDED,
}


def test_the_switch_is_measured_and_the_merged_bytes_are_counted_once_released(rise):
    told = ordered("Destination", RELEASED)
    told["node"] = {"merge": {"bytesDone": 5, "bytesTotal": 5}}
    released = {**told, "conditions": [RELEASE]}
    of_switches.count(switch(**told), switch(**released))
    of_switches.count(switch(**released), switch(**released))
    assert (rise(**seconds("switch")), rise("detour_operator_merged_bytes_total")) == (5, 5)


@pytest.mark.parametrize("case", ["by QEMU", "stopped"])
def test_where_there_is_no_overlay_nothing_is_merged(rise, case):
    mirror = {} if case == "by QEMU" else None
    offline = {"offline": True} if case == "stopped" else {}
    before = switch(mirror=mirror, **ordered("Mirrored", COPIED, **offline))
    told = ordered("Destination", RELEASED, **offline)
    told |= {"node": {"merge": {"bytesTotal": 9}}, "conditions": [RELEASE]}
    of_switches.count(before, switch(mirror=mirror, **told))
    assert rise("detour_operator_merged_bytes_total") == 0
    assert rise(**times("switch")) == 0


@pytest.fixture
def objects():
    """Nothing but what the test tells of."""
    before = dict(OBJECTS._migrations), dict(OBJECTS._switches)
    OBJECTS._migrations.clear()
    OBJECTS._switches.clear()
    yield OBJECTS
    OBJECTS._migrations, OBJECTS._switches = before


def test_migrations_are_there_by_phase_until_they_are_gone(objects):
    copying = {**METHOD, "phase": "Copying", "progress": {"bytesPerSecond": 100}}
    for name in ("a", "b"):
        of_migrations.seen(migration(name, **copying))
    of_migrations.seen(migration("c", phase="Holding", progress={"bytesPerSecond": 100}))
    assert value("detour_operator_migrations", phase="Copying") == 2
    assert value("detour_operator_copy_bytes_per_second", method="CSIClone") == 200
    of_migrations.seen(migration("a", **{**copying, "phase": "Merging"}))
    of_migrations.gone("ns", "b")
    assert value("detour_operator_migrations", phase="Copying") == 0
    assert value("detour_operator_migrations", phase="Merging") == 1
    assert value("detour_operator_copy_bytes_per_second", method="CSIClone") == 0


def test_only_what_waits_for_a_person_is_stalled(objects):
    stalled = [condition("Stalled", "True", "AmbiguousPivot")]
    of_migrations.seen(migration("a", phase="Switching", conditions=stalled))
    for name, phase in (("b", "Failed"), ("c", "Cancelled")):
        of_migrations.seen(migration(name, phase=phase, conditions=stalled))
    of_migrations.seen(migration("d", conditions=[condition("Stalled", "False", "NotStalled")]))
    of_switches.seen(switch("a", conditions=stalled, compute={"locked": True}))
    of_switches.seen(switch("d", compute={"locked": False}))
    for kind in ("migrations", "switches"):
        name = f"detour_operator_{kind}_stalled"
        assert value(name, reason="AmbiguousPivot") == 1
        assert value(name, reason="NotStalled") == 0
    assert value("detour_operator_locks_held") == 1
    of_switches.gone("ns", "a")
    assert value("detour_operator_locks_held") == 0


def test_a_reason_from_outside_makes_no_series_without_end():
    words = Words(most=2)
    assert [words.label(word) for word in ("One", "Two", "Three", "One")] == [
        "One", "Two", OTHER, "One",
    ]  # fmt: skip
    for word in ("", "two words", "lower", "A" * 65, 'Quote"', "Line\n"):
        assert Words().label(word) == OTHER
    assert MOST > 80, "every reason of ours has its own"
