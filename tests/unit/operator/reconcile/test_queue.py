"""The schedule, and the queue that threads share."""

import threading

import pytest

from detour_operator.reconcile.queue import Queue
from detour_operator.reconcile.schedule import Key, Schedule

A, B = Key("Kind", "ns", "a"), Key("Kind", "ns", "b")


def test_the_key_that_is_due_longest_is_taken_first():
    schedule = Schedule()
    schedule.add(B, 2.0)
    schedule.add(A, 1.0)
    assert [schedule.take(5.0), schedule.take(5.0), schedule.take(5.0)] == [A, B, None]


def test_nothing_is_taken_before_it_is_due():
    schedule = Schedule()
    schedule.add(A, 3.0)
    assert schedule.take(2.9) is None
    assert schedule.next_at() == 3.0
    assert schedule.take(3.0) == A


@pytest.mark.parametrize("times", [(1.0, 5.0), (5.0, 1.0)], ids=["later", "earlier"])
def test_a_key_is_due_once_at_the_earlier_time(times):
    schedule = Schedule()
    for at in times:
        schedule.add(A, at)
    assert schedule.take(1.0) == A
    schedule.done(A)
    assert schedule.take(9.0) is None
    assert schedule.next_at() is None


def test_no_key_is_taken_twice_at_once():
    schedule = Schedule()
    schedule.add(A, 0.0)
    assert schedule.take(0.0) == A
    schedule.add(A, 0.0)
    assert schedule.take(9.0) is None
    assert schedule.next_at() is None


def test_what_is_added_during_the_work_is_not_lost():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.add(A, 1.0)
    schedule.add(B, 2.0)
    schedule.done(A)
    assert [schedule.take(2.0), schedule.take(2.0)] == [A, B]


def test_a_key_waiting_while_in_work_does_not_block_others():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.add(A, 0.0)
    schedule.add(B, 1.0)
    assert schedule.take(1.0) == B


def test_an_event_of_a_version_that_is_settled_is_dropped():
    schedule = Schedule()
    schedule.tell(A, 0.0, "1")
    assert schedule.take(0.0) == A
    schedule.tell(A, 1.0, "2")
    schedule.done(A, "2")
    schedule.tell(A, 2.0, "2")
    assert schedule.take(9.0) is None
    schedule.tell(A, 3.0, "3")
    assert schedule.take(9.0) == A


@pytest.mark.parametrize("settled", [None, "1"], ids=["not settled", "settled at an older one"])
def test_an_event_that_comes_during_the_work_is_kept(settled):
    schedule = Schedule()
    schedule.tell(A, 0.0, "1")
    schedule.take(0.0)
    schedule.tell(A, 1.0, "2")
    schedule.done(A, settled)
    assert schedule.take(1.0) == A


def test_an_echo_takes_no_other_reason_away():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.add(A, 5.0)
    schedule.tell(A, 1.0, "2")
    schedule.done(A, "2")
    assert schedule.take(4.9) is None
    assert schedule.take(5.0) == A


def test_a_pass_that_failed_or_found_nothing_settles_nothing():
    schedule = Schedule()
    for settled in ("1", None):
        schedule.add(A, 0.0)
        schedule.take(0.0)
        schedule.done(A, settled)
    schedule.tell(A, 0.0, "1")
    assert schedule.take(0.0) == A


def test_the_queue_hands_each_key_to_one_worker_and_loses_none():
    queue, lock = Queue(), threading.Lock()
    in_work, overlaps, seen = set(), [], []
    keys = [Key("Kind", "ns", str(number)) for number in range(20)]
    rounds = dict.fromkeys(keys, 0)
    finished = threading.Event()

    def work():
        while (key := queue.take()) is not None:
            with lock:
                overlaps.extend([key] if key in in_work else [])
                in_work.add(key)
                rounds[key] += 1
                again = rounds[key] < 5
            if again:
                queue.add(key)  # while it is in work
            with lock:
                in_work.discard(key)
                seen.append(key)
            queue.done(key)
            if all(count == 5 for count in rounds.values()):
                finished.set()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for key in keys:
        queue.add(key)
    for thread in threads:
        thread.start()
    assert finished.wait(30)
    queue.stop()
    for thread in threads:
        thread.join(30)
    assert not overlaps
    assert len(seen) == 100


def test_a_stopped_queue_wakes_its_workers():
    queue, taken = Queue(), []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    queue.stop()
    thread.join(30)
    assert taken == [None]


def test_a_delayed_key_comes_when_the_clock_says_so():
    now = [0.0]
    queue = Queue(clock=lambda: now[0])
    queue.add(A, after=10.0)
    queue.add(B)
    assert queue.take() == B
    now[0] = 10.0
    assert queue.take() == A
