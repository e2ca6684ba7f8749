"""What a worker does about each kind of error, and how it ends."""

import logging
import threading

import pytest

from detour_operator import errors
from detour_operator.reconcile.queue import Key, Queue
from detour_operator.reconcile.workers import BackOff, Next, Workers

KEY = Key("Kind", "ns", "name")


class Side:
    """Answers with each of its results in turn, the last one for ever."""

    def __init__(self, *results):
        self.results = list(results)
        self.asked = []

    def reconcile(self, namespace, name):
        self.asked.append((namespace, name))
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return result


@pytest.mark.parametrize(
    ("result", "delays"),
    [
        pytest.param(Next(None), [None, None], id="on events only"),
        pytest.param(Next(5.0), [5.0, 5.0], id="after seconds"),
        pytest.param(errors.NotYet(7.0), [7.0, 7.0], id="not yet"),
        pytest.param(errors.Unreachable("x"), [1.0, 2.0, 4.0], id="unreachable"),
        pytest.param(errors.Conflict("x"), [0.2, 0.4, 0.8], id="conflict"),
        pytest.param(errors.StepFailed("R", "x"), [1.0, 2.0], id="failed"),
        pytest.param(errors.Refused(422, "Invalid", "x"), [1.0, 2.0], id="refused"),
        pytest.param(errors.InvariantBroken("R", "x"), [60.0, 60.0], id="invariant broken"),
        pytest.param(KeyError("a bug"), [1.0, 2.0], id="a bug"),
    ],
)
def test_when_to_look_again(result, delays):
    workers = Workers(Queue(), {"Kind": Side(result)})
    assert [workers.one_pass(KEY).after for _ in delays] == delays


def test_a_pass_that_went_well_forgets_the_failures():
    side = Side(
        errors.Unreachable("x"), errors.Unreachable("x"), Next(None), errors.Unreachable("x")
    )
    workers = Workers(Queue(), {"Kind": side})
    assert [workers.one_pass(KEY).after for _ in range(4)] == [1.0, 2.0, None, 1.0]


def test_the_back_off_has_an_end_and_is_each_keys_own():
    back_off = BackOff()
    delays = [back_off.after_failure(KEY) for _ in range(50)]
    assert max(delays) == delays[-1] == 60.0
    assert back_off.after_failure(Key("Kind", "ns", "other")) == 1.0


def test_what_cannot_be_asked_is_not_told_as_an_error(caplog):
    Workers(Queue(), {"Kind": Side(errors.Unreachable("x"))}).one_pass(KEY)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.records[0].object == "name"


def test_one_objects_bug_does_not_stop_the_others():
    queue, done = Queue(), threading.Event()

    class Buggy:
        def reconcile(self, _namespace, name):
            if name == "bad":
                raise ZeroDivisionError
            done.set()
            return Next(None)

    workers = Workers(queue, {"Kind": Buggy()})
    workers.start(1)
    queue.add(Key("Kind", "ns", "bad"))
    queue.add(Key("Kind", "ns", "good"))
    assert done.wait(30)
    assert workers.stop(30)


def test_stopping_waits_for_the_pass_under_way():
    queue, begun, go_on, ended = Queue(), threading.Event(), threading.Event(), []

    class Slow:
        def reconcile(self, _namespace, _name):
            begun.set()
            go_on.wait(30)
            ended.append(True)
            return Next(None)

    workers = Workers(queue, {"Kind": Slow()})
    workers.start(1)
    queue.add(KEY)
    assert begun.wait(30)
    assert not workers.stop(0.0)
    go_on.set()
    assert workers.stop(30)
    assert ended


def test_the_echo_of_what_a_pass_wrote_is_no_news():
    queue, done, passes = Queue(), threading.Event(), []
    other = Key("Kind", "ns", "other")

    class Writes:
        def reconcile(self, _namespace, name):
            passes.append(name)
            if name == other.name:
                done.set()
            else:
                queue.tell(KEY, "2")
                queue.add(other)
            return Next(None, settled="2")

    workers = Workers(queue, {"Kind": Writes()})
    workers.start(1)
    queue.tell(KEY, "1")
    assert done.wait(30)
    assert workers.stop(30)
    assert passes == [KEY.name, other.name]
