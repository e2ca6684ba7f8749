"""The lock is tried once in time, then every five seconds; a switch's passes do not poll it."""

import dataclasses

import pytest

from detour_crds.attachment_switch import Handover, Position
from detour_operator.adapters.api_servers import ApiServers, Servers
from detour_operator.adapters.lock_proof import LockProof
from detour_operator.compute_side.trials import AGAIN_SECONDS, FIRST_SECONDS, TOO_EARLY, Trials
from detour_operator.errors import Unreachable
from unit.operator.api_server import serving, status
from unit.operator.compute_switches import seen
from unit.operator.test_compute_lock_proof import denied, read

LOCKED = seen(compute={"lock_proven": False}).switch
PROVEN = seen().switch
OFF = seen(compute={"locked": False}).switch
NOT_YET = 201, {}
SILENT = status(503, "ServiceUnavailable")


def bites(request):
    return denied(request, LOCKED.name)


class Bench:
    """Trials against an API server, on a clock that is set by hand."""

    def __init__(self):
        self.now = 1000.0
        self.said = NOT_YET
        self.tried = 0

    def answer(self, request):
        if request.method == "GET":
            return 200, {"items": read(request.path)}
        self.tried += request.path.split("?")[0].endswith("migrations")
        return self.said(request) if callable(self.said) else self.said


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(ApiServers, "find", lambda self: Servers((self._api,), 1))
    made = Bench()
    with serving(made.answer) as server:
        made.trials = Trials(LockProof(server.api()), lambda: made.now)
        yield made


def looks(bench, seconds, every=0.1):
    """Passes at a high rate, as a storm of events would make them; the last proof."""
    end, proof = bench.now + seconds, None
    while bench.now < end:
        proof = bench.trials.proof(LOCKED)
        bench.now += every
    return proof


def test_the_first_trial_is_worth_waiting_for(bench):
    bench.said = bites
    assert bench.trials.proof(LOCKED) == dataclasses.replace(TOO_EARLY, after=FIRST_SECONDS)
    bench.now += FIRST_SECONDS / 2
    assert bench.trials.proof(LOCKED).after == pytest.approx(FIRST_SECONDS / 2)
    assert bench.tried == 0
    bench.now += FIRST_SECONDS / 2
    assert bench.trials.proof(LOCKED).bites
    assert bench.tried == 1


def test_then_it_is_tried_every_five_seconds_whatever_wakes_the_reconciler(bench):
    looks(bench, FIRST_SECONDS + 0.1)
    proof = looks(bench, 4 * AGAIN_SECONDS - 1)
    assert bench.tried == 4
    assert proof.reason == "LockNotEffective"
    assert 0 < proof.after < AGAIN_SECONDS


def test_an_api_that_is_silent_is_not_asked_more_often(bench):
    bench.said = SILENT
    bench.trials.proof(LOCKED)
    bench.now += FIRST_SECONDS
    with pytest.raises(Unreachable):
        bench.trials.proof(LOCKED)
    asked = bench.tried
    assert looks(bench, AGAIN_SECONDS - 1) is not None
    assert bench.tried == asked


def test_a_lock_that_bites_is_tried_in_every_pass(bench):
    bench.said = bites
    looks(bench, FIRST_SECONDS + 0.1)
    bench.said = NOT_YET
    assert not bench.trials.proof(LOCKED).bites, "the record of the proof met a conflict"
    bench.said = bites
    before = bench.tried
    for _ in range(3):
        assert bench.trials.proof(PROVEN).bites
    assert bench.tried == before + 3


def test_a_lock_that_was_off_is_a_new_one(bench):
    bench.said = bites
    looks(bench, FIRST_SECONDS + 0.1)
    assert bench.trials.proof(OFF) is None
    assert not bench.trials.proof(LOCKED).bites


def test_each_lock_has_its_own_time(bench):
    looks(bench, FIRST_SECONDS)
    other = seen(compute={"lock_proven": False}, switch={"uid": "another"}).switch
    assert bench.trials.proof(other).after == FIRST_SECONDS


def test_only_what_the_lock_refuses_before_a_restart_is_tried_then(bench):
    """A machine that waits for its restart may be stopped, and started on the destination."""
    tried = []

    def said(request):
        tried.append(request.path)
        return bites(request)

    bench.said = said
    waiting = seen(compute={"handover": Handover.NOT_PERMITTED})
    switch = waiting.switch
    status = dataclasses.replace(switch.status, position=Position.DESTINATION)
    assert bench.trials.proof(dataclasses.replace(switch, status=status)).bites
    assert [path for path in tried if "virtualmachineinstances?" in path] == []
    assert bench.trials.proof(switch).bites
    assert [path for path in tried if "virtualmachineinstances?" in path] != []
