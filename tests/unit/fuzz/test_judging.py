"""What ``make fuzz`` takes for a problem, and what not."""

import os

import pytest

from cluster.process import wait_until
from detour_crds import names
from fuzz import cases, programs, running, whole
from fuzz.programs import Operator
from fuzz.running import REASON, Outcome, names_what_is_wrong


@pytest.mark.parametrize(
    ("message", "names_one"),
    [
        ('VolumeMigration "m" is invalid: spec.volume: Invalid value: "A"', True),
        ("json: cannot unmarshal number into Go struct field ObjectMeta.labels of type", True),
        ('strict decoding error: unknown field "spec.unexpected"', True),
        ("the server could not process the request", False),
        ("specification refused", False),
        ('cannot be handled as a VolumeMigration: parsing time "never" as "2006"', True),
    ],
)
def test_a_rejection_names_a_field(message, names_one):
    assert names_what_is_wrong(message) is names_one


@pytest.mark.parametrize("reason", ["Not a reason", "lower", "", "Has-Dash", "Has:Colon", "É"])
def test_what_is_no_reason(reason):
    assert not REASON.match(reason)
    assert REASON.match("VolumeNotFound")


def shown(generation, observed, reason):
    ready = {"type": "Ready", "status": "False", "reason": reason}
    return {
        "metadata": {"generation": generation},
        "status": {"observedGeneration": observed, "conditions": [ready]},
    }


def test_an_answer_is_one_for_the_last_generation():
    assert running._told(shown(2, 2, "VolumeNotFound"))
    assert not running._told(shown(2, 1, "VolumeNotFound"))
    assert not running._told(shown(2, 2, "Pending"))
    assert not running._told({"metadata": {"generation": 1}})


def item(**annotations):
    return {"metadata": {"annotations": annotations}, "spec": {"a": 1}}


def test_what_is_left_gone_or_changed_is_told():
    before = {"/same": item(), "/gone": item(), "/changed": item()}
    made = {"/left": item(), "/template": item(**{names.DESTINATION_OF_ANNOTATION: "u"})}
    now = {"/same": item(), "/changed": {**item(), "spec": {"a": 2}}, **made}
    assert sorted(whole._differences(before, now)) == [
        "/changed is not as it was: spec",
        "/gone is gone",
        "/left is left",
    ]


def test_a_report_is_good_without_problems_alone():
    case = cases.drawn(1)
    good = whole.Report([Outcome(case)], [], (1, 2), (3, 4))
    assert good.good
    bad = whole.Report([Outcome(case, problems=["that"])], [], (1, 2), (3, 4))
    assert not bad.good
    assert "SEED=1 RUNS=1: that" in bad.summary()
    assert not whole.Report([], ["something is left"], (1, 2), (3, 4)).good


def test_what_an_operator_must_not_log_is_found(tmp_path):
    log = tmp_path / "operator.log"
    log.write_text(
        '{"level": "WARNING", "message": "Could not look: x"}\n'
        '{"level": "ERROR", "message": "The pass failed unexpectedly", "object": "m"}\n'
        '{"level": "ERROR", "message": "x", "exc_info": "Traceback"}\n'
        "Exception in thread watch-pods:\n"
    )
    assert len(Operator([], {}, log, 1).bugs()) == 3


def test_only_a_lost_lease_has_the_operator_started_again(tmp_path):
    log = tmp_path / "operator.log"
    for said, lost in (("Traceback", 0), (f"{programs.LEASE_LOST}: the process ends", 1)):
        log.write_text("")
        script = (
            f'test -e {tmp_path}/again && exec sleep 1000; touch {tmp_path}/again; echo "{said}"'
        )
        operator = Operator(["sh", "-c", script], {"PATH": os.environ["PATH"]}, log, 1)
        operator.start()
        wait_until(
            lambda lost=lost, of=operator: of.ended or of.leases_lost == lost > 0, "its end"
        )
        assert operator.leases_lost == lost
        operator.end()
        (tmp_path / "again").unlink()
