"""What follows from every state of two disks, and from whatever is asked for at that time."""

import dataclasses
import itertools

import pytest

from detour_crds.conditions import PlanCondition, Status, find
from detour_crds.volume_migration import (
    ClaimTemplate,
    CopySpec,
    Destination,
    Phase,
    SourceReclaimPolicy,
    WhenStopped,
)
from detour_crds.volume_migration_plan import (
    DiskState,
    DiskStatus,
    MigrationTemplate,
    PlanInFlight,
    PlanPhase,
    VolumeMigrationPlanStatus,
    WindowStatus,
)
from detour_operator.plans.actions import CancelMigration, CreateMigration, WithdrawMigration
from detour_operator.plans.decisions import MOST_REFUSED, decide
from detour_operator.plans.observation import SeenClaim
from detour_operator.plans.status import AT_THE_END, counts, status
from unit.operator.plans.seen import (
    GIB,
    META,
    STATES,
    changed,
    machine,
    migration,
    name_of,
    observed,
    spec,
)

CLOSED = WindowStatus(open=False, until="2026-01-01T22:00:00Z")
WINDOWS = {
    "none": {},
    "open": {"window": WindowStatus(open=True, until="2026-01-01T10:00:10Z")},
    "closed": {"window": CLOSED},
    "never": {"window": WindowStatus(open=False)},
    "wrong": {"window_wrong": "start is no crontab"},
}
NOT_BEGUN = {"just made", "pending", "queued", "refused"}
OPEN = {DiskState.WAITING, DiskState.MOVING, DiskState.REFUSED}
WAITS = "no migration"


def scene(states, machines, **given):
    """Two disks in these states, of one machine or of two."""
    names = (
        [("web", "data"), ("web", "root")] if machines == 1 else [("web", "data"), ("db", "data")]
    )
    there = (
        [machine("web", ("data", "root"))] if machines == 1 else [machine("web"), machine("db")]
    )
    made = [
        migration(state, *where)
        for state, where in zip(states, names, strict=True)
        if state != WAITS
    ]
    return observed(*there, migrations=made, **given)


@pytest.mark.thorough
@pytest.mark.parametrize("machines", [1, 2])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("asked", ["to move", "to pause", "to cancel", "to look"])
def test_every_state_of_two_disks(asked, window, machines):
    wish = {
        "to move": {},
        "to pause": {"paused": True},
        "to cancel": {"cancel": True},
        "to look": {"dry_run": True},
    }[asked]
    for states in itertools.product([WAITS, *STATES], repeat=2):
        for most in (None, 1):
            seen = scene(states, machines, spec=spec(max_failures=most, **wish), **WINDOWS[window])
            check(seen, decide(seen), asked, states)


def check(seen, decision, asked, states):
    told = {disk.name: disk for disk in decision.disks}
    after, numbers = status(seen, decision), counts(decision.disks)
    assert numbers.total == len(told) == 2
    assert numbers.total == sum(dataclasses.astuple(numbers)[1:])
    kinds = {type(action) for action in decision.actions}
    assert CreateMigration not in kinds
    assert (CancelMigration in kinds) <= (asked == "to cancel")
    for action in decision.actions:
        state = next(one for one in seen.migrations.values() if one.name == action.name)
        assert not state.deleting
        assert action.resource_version == "7"
        assert not (isinstance(action, CancelMigration) and state.cancel)
        if isinstance(action, WithdrawMigration):
            looked = asked == "to look" and told[action.name].state is not DiskState.MOVING
            assert looked or (state.phase in (None, Phase.PENDING, Phase.REFUSED))
            assert looked or not (state.begun or state.ended or state.cancel)
    for begun in decision.begins:
        assert begun.name not in seen.migrations
    if decision.begins:
        assert asked in ("to move", "to look")
        may = seen.window is None or seen.window.open
        assert asked == "to look" or (may and not seen.window_wrong)
        failed = numbers.failed >= (seen.spec.max_failures or 10)
        assert asked == "to look" or not failed
        of_machines = [one.spec.virtual_machine.name for one in decision.begins]
        moving = {disk.machine for disk in told.values() if disk.state is DiskState.MOVING}
        assert not moving & set(of_machines)
        assert len(of_machines) == len(set(of_machines))
    open_ = {disk.state for disk in told.values()} & OPEN
    ended = decision.phase in AT_THE_END
    if ended:
        assert decision.after is None
        assert not decision.begins
        assert not decision.actions
        assert after.completion_time
        assert not open_ or (asked == "to look" and open_ == {DiskState.REFUSED})
    elif asked == "to look":
        assert open_ or decision.actions
    else:
        assert open_, states
    is_kstatus(after)


def is_kstatus(after):
    """Nobody who waits for it waits in vain, and nobody is told twice."""
    told = {kind: find(after.conditions, kind) for kind in PlanCondition}
    assert all(told.values())
    assert all(item.reason for item in told.values())
    true = {kind for kind, item in told.items() if item.status is Status.TRUE}
    if after.phase is PlanPhase.SUCCEEDED:
        assert true == {PlanCondition.READY, PlanCondition.SUCCEEDED}
    else:
        assert true in ({PlanCondition.RECONCILING}, {PlanCondition.STALLED})
    final = told[PlanCondition.SUCCEEDED].status is not Status.UNKNOWN
    assert final == (after.phase in AT_THE_END) == (after.completion_time is not None)


def test_a_plan_that_ended_and_one_that_is_being_deleted_are_left_alone():
    over = VolumeMigrationPlanStatus(completion_time="2026-01-01T09:00:00Z")
    deleting = dataclasses.replace(META, deleting=True)
    for given in ({"status": over}, {"meta": deleting}):
        decision = decide(observed(machine("web"), **given))
        assert (decision.phase, decision.begins, decision.actions) == (None, (), ())


def test_what_is_on_its_way_out_is_waited_for_and_not_asked_for_again():
    """Its switch and its lock are there until it is gone."""
    for state in ("being deleted", "refused and being deleted"):
        decision = decide(observed(machine("web"), migrations=[migration(state)]))
        assert [disk.state for disk in decision.disks] == [DiskState.MOVING], state
        assert decision.phase is PlanPhase.MOVING


def test_the_migration_is_what_the_plan_says():
    template = MigrationTemplate(
        copy=CopySpec(bandwidth_limit="10Mi"),
        hold=True,
        source_reclaim_policy=SourceReclaimPolicy.DELETE,
        when_stopped=WhenStopped.CANCEL,
    )
    seen = observed(
        machine("web"),
        spec=spec(template=template, claim_name_template="{machine}-{volume}-{storageClass}"),
    )
    (begun,) = decide(seen).begins
    made = begun.spec
    assert begun.name == name_of("web")
    assert (made.virtual_machine.name, made.volume) == ("web", "data")
    assert made.destination == Destination(
        claim_template=ClaimTemplate(name="web-data-fast", storage_class_name="fast")
    )
    for field in dataclasses.fields(template):
        assert getattr(made, field.name) == getattr(template, field.name)
    assert not made.dry_run
    assert not made.cancel


@pytest.mark.parametrize(
    ("claim", "taken"),
    [
        (SeenClaim(storage_class="fast", left_over=True), True),
        (SeenClaim(storage_class="other", left_over=True), False),
        (SeenClaim(storage_class="fast"), False),
    ],
)
def test_a_claim_that_a_withdrawn_move_has_left_is_used_again(claim, taken):
    seen = observed(machine("web"), claims={"new": claim}, spec=spec(claim_name_template="new"))
    (begun,) = decide(seen).begins
    assert (begun.spec.destination.claim_name == "new") is taken


def machines(count, volumes=("data",), **given):
    return [machine(f"m{number:04}", volumes, **given) for number in range(count)]


@pytest.mark.parametrize(
    ("limits", "given", "begun"),
    [
        (PlanInFlight(), {}, 10),
        (PlanInFlight(total=3), {}, 3),
        (PlanInFlight(total=20, per_node=2), {"node": "n1"}, 2),
        (PlanInFlight(total=20, per_node=2), {}, 20),
        (PlanInFlight(total=20, per_storage_class=4), {}, 4),
        (PlanInFlight(total=20), {"volumes": ("a", "b")}, 20),
    ],
)
def test_no_more_begin_than_may(limits, given, begun):
    seen = observed(*machines(30, **given), spec=spec(in_flight=limits))
    found = decide(seen).begins
    assert len(found) == begun
    assert len({one.spec.virtual_machine.name for one in found}) == begun


def test_who_has_no_room_lets_others_pass():
    there = [*machines(3, node="n1"), machine("z", node="n2")]
    seen = observed(*there, spec=spec(in_flight=PlanInFlight(per_node=1)))
    assert [one.spec.virtual_machine.name for one in decide(seen).begins] == ["m0000", "z"]


def test_what_is_under_way_takes_room_and_what_is_refused_takes_none():
    there = machines(4)
    for state, more in (("copying", 1), ("queued", 1), ("holding", 1), ("refused", 2)):
        made = [migration(state, "m0000")]
        seen = observed(*there, migrations=made, spec=spec(in_flight=PlanInFlight(total=2)))
        assert len(decide(seen).begins) == more, state


def test_a_machine_that_somebody_else_moves_a_disk_of_is_waited_for():
    """It may be this very disk: then it is there already once that is done."""
    busy = {"busy": frozenset({"web"})}
    seen = observed(machine("web"), machine("db"), **busy)
    decision = decide(seen)
    assert [one.spec.virtual_machine.name for one in decision.begins] == ["db"]
    alone = decide(observed(machine("web"), **busy))
    assert (alone.phase, alone.stalled, alone.begins) == (PlanPhase.MOVING, False, ())
    assert [disk.reason for disk in alone.disks] == ["VirtualMachineBusy"]
    assert len(decide(observed(machine("web"), spec=spec(dry_run=True), **busy)).begins) == 1


def test_so_many_are_refused_at_most():
    """Each is looked at again and again."""
    there = machines(MOST_REFUSED + 5)
    refused = [migration("refused", one.name) for one in there]
    for count, begun in ((MOST_REFUSED - 1, 1), (MOST_REFUSED, 0)):
        decision = decide(observed(*there, migrations=refused[:count]))
        assert len(decision.begins) == begun
    assert (decision.phase, decision.reason) == (PlanPhase.STOPPED, "TooManyRefused")
    assert decision.stalled


@pytest.mark.parametrize(
    ("states", "phase", "reason"),
    [
        (("moved", "moved"), PlanPhase.SUCCEEDED, "Succeeded"),
        (("moved", "cancelled"), PlanPhase.SUCCEEDED, "Succeeded"),
        (("already there", "cancelled"), PlanPhase.SUCCEEDED, "NothingToMove"),
        (("moved", "failed"), PlanPhase.FAILED, "DisksFailed"),
        (("moved", "refused"), PlanPhase.STOPPED, "DisksRefused"),
        (("stalled", "moved"), PlanPhase.STOPPED, "DisksStalled"),
        (("stalled", "refused"), PlanPhase.STOPPED, "DisksStalled"),
        (("stalled", "copying"), PlanPhase.MOVING, "Moving"),
    ],
)
def test_how_it_stands(states, phase, reason):
    decision = decide(scene(states, 2))
    assert (decision.phase, decision.reason) == (phase, reason)


def test_without_a_disk_it_has_nothing_to_do():
    assert decide(observed()).reason == "NothingToMove"


def test_a_failure_too_many_stops_it_until_the_number_is_raised():
    seen = observed(
        machine("web"), machine("db"), migrations=[migration("failed")], spec=spec(max_failures=1)
    )
    decision = decide(seen)
    assert (decision.phase, decision.reason, decision.stalled) == (
        PlanPhase.STOPPED,
        "MaxFailuresReached",
        True,
    )
    assert "spec.maxFailures" in decision.message
    assert len(decide(changed(seen, max_failures=2)).begins) == 1


def test_outside_of_the_windows_what_has_begun_goes_on():
    made = [migration("copying", "m0000"), migration("queued", "m0001")]
    decision = decide(observed(*machines(3), migrations=made, window=CLOSED))
    assert decision.phase is PlanPhase.WAITING
    assert CLOSED.until in decision.message
    assert "1 moves that have begun go on" in decision.message
    assert decision.actions == (WithdrawMigration(name_of("m0001"), "7"),)


def test_it_looks_again_when_a_window_opens_or_closes():
    for until, after in (("2026-01-01T10:00:10Z", 10.0), ("2026-01-02T00:00:00Z", 60.0)):
        for is_open in (True, False):
            window = WindowStatus(open=is_open, until=until)
            assert decide(observed(machine("web"), window=window)).after == after


class TestDryRun:
    def test_each_answer_is_recorded_before_who_gave_it_is_deleted(self):
        made = [migration("refused", "m0000"), migration("moved", "m0001")]
        seen = observed(*machines(2), migrations=made, spec=spec(dry_run=True))
        decision = decide(seen)
        assert [type(action) for action in decision.actions] == [WithdrawMigration] * 2
        recorded = status(seen, decision)
        assert [item.state for item in recorded.disks] == [DiskState.REFUSED, DiskState.SUCCEEDED]
        on_their_way = [dataclasses.replace(one, deleting=True) for one in made]
        for left in (on_their_way, []):
            later = observed(
                *machines(2), migrations=left, spec=spec(dry_run=True), status=recorded
            )
            end = decide(later)
            assert not end.begins
            assert (end.phase, end.reason) == (PlanPhase.FAILED, "DisksRefused")
            told = status(later, end).disks
            assert [(item.state, item.reason) for item in told] == [
                (item.state, item.reason) for item in recorded.disks
            ]

    def test_the_last_word_of_who_was_asked_counts(self):
        """The operator was killed before it could delete the question, and its answer changed."""
        refused = DiskStatus(virtual_machine="web", volume="data", state=DiskState.REFUSED)
        seen = observed(
            machine("web"),
            migrations=[migration("moved")],
            spec=spec(dry_run=True),
            status=VolumeMigrationPlanStatus(disks=(refused,)),
        )
        assert [disk.state for disk in decide(seen).disks] == [DiskState.SUCCEEDED]

    def test_what_is_not_moved_is_not_asked_about(self):
        there = [machine("web"), machine("db")]
        claims = {"web-data": SeenClaim(storage_class="fast"), "db-data": SeenClaim()}
        decision = decide(observed(*there, claims=claims, spec=spec(dry_run=True)))
        assert not decision.begins
        assert (decision.phase, decision.reason) == (PlanPhase.SUCCEEDED, "DryRunPassed")

    def test_it_has_room_for_a_thousand_answers(self):
        seen = observed(
            *machines(1005), spec=spec(dry_run=True, in_flight=PlanInFlight(total=1000))
        )
        decision = decide(seen)
        assert len(decision.begins) == 1000
        assert status(seen, decision).disks_left_out == 5
        answers = tuple(
            DiskStatus(virtual_machine=f"m{n:04}", volume="data", state=DiskState.SUCCEEDED)
            for n in range(1000)
        )
        done = decide(dataclasses.replace(seen, status=VolumeMigrationPlanStatus(disks=answers)))
        assert done.phase is PlanPhase.SUCCEEDED
        assert "5 more were not asked about" in done.message

    def test_windows_and_a_pause_do_not_keep_it_from_looking(self):
        seen = observed(machine("web"), window=CLOSED, spec=spec(dry_run=True, paused=True))
        (begun,) = decide(seen).begins
        assert begun.spec.dry_run


def test_sizes_are_those_of_the_image_where_they_are_known():
    seen = observed(machine("web"), migrations=[migration("copying", bytes_total=5)])
    (disk,) = decide(seen).disks
    assert disk.bytes == 5
    (disk,) = decide(observed(machine("web"))).disks
    assert disk.bytes == GIB
