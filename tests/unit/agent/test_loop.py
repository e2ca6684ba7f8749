"""The loop: one worker per switch, woken by what is new, and what becomes of a broken watch."""

import threading
import time
from collections.abc import Callable, Collection

from detour_agent import loop
from detour_agent.errors import NotYet, Unreachable
from detour_agent.loop import Loop
from detour_agent.steps.context import Switch


def item(version: str, uid: str = "u1", order: str = "") -> dict:
    return {
        "metadata": {"namespace": "ns", "name": "m", "uid": uid, "resourceVersion": version},
        "spec": {"volume": "root", "virtualMachine": {"name": "vm"}},
        "status": {"compute": {"token": "t", "order": order}},
    }


class Source:
    """Lists and watches from a script; waits once it is over."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.lists = 0
        self.over = threading.Event()

    def list(self) -> tuple[object, str]:
        self.lists += 1
        return self._next(), "1"

    def watch(self, _version: str):
        yield from self._next()

    def _next(self) -> object:
        if not self.script:
            self.over.set()
            threading.Event().wait()
        entry = self.script.pop(0)
        if isinstance(entry, Exception):
            raise entry
        return entry


class Recorder:
    """Passes that only note what they were given."""

    def __init__(self, delay: float | None = None, work: float = 0.0) -> None:
        self.delay, self.work = delay, work
        self.seen: list[str] = []
        self.at_work = 0
        self.most = 0
        self.forgotten: list[str] = []
        self.collected: list[set[str]] = []

    def run(self, switch: Switch) -> tuple[Switch, float | None]:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        time.sleep(self.work)
        self.seen.append(str(switch.compute.order))
        self.at_work -= 1
        return switch, self.delay

    def forget(self, switch: Switch) -> None:
        self.forgotten.append(switch.uid)

    def collect(self, busy: Collection[str]) -> None:
        self.collected.append(set(busy))


def run(source: Source, passes: Recorder) -> None:
    loop = Loop(source, lambda: passes, passes.forget, passes.collect)
    threading.Thread(target=loop.run, args=(threading.Event(),), daemon=True).start()
    assert source.over.wait(30)


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_each_new_version_is_passed_on_and_an_old_one_wakes_nobody():
    changed = ("MODIFIED", item("2", order="Overlay"))
    source, passes = Source([item("1")], [changed], [item("2", order="Overlay")], []), Recorder()
    run(source, passes)
    wait_for(lambda: "Overlay" in passes.seen)
    wait_for(lambda: passes.forgotten)
    time.sleep(0.1)
    assert passes.seen.count("Overlay") == 1
    assert source.lists == 3


def test_a_switch_never_has_two_workers():
    events = [("MODIFIED", item(str(number))) for number in range(2, 30)]
    leave_and_return = [("DELETED", item("30")), ("ADDED", item("31", order="Source"))]
    source, passes = Source([item("1")], [*events, *leave_and_return]), Recorder(0.0, work=0.01)
    run(source, passes)
    wait_for(lambda: passes.seen.count("Source") > 3)
    passes.delay = None  # a thread at work when Python ends can take it down
    wait_for(lambda: passes.forgotten)
    assert passes.most == 1


def test_a_worker_ends_when_its_switch_is_no_longer_of_this_node():
    source, passes = Source([item("1")], [("DELETED", item("2"))]), Recorder(0.0)
    run(source, passes)
    wait_for(lambda: passes.forgotten == ["u1"])
    made = len(passes.seen)
    time.sleep(0.1)
    assert len(passes.seen) == made


def test_a_list_after_a_break_finds_what_was_missed(monkeypatch):
    monkeypatch.setattr(loop, "FIRST_BACK_OFF_SECONDS", 0.05)
    source = Source(
        [item("1")],
        NotYet("ListAgain", "410"),
        [item("2", order="Overlay"), item("9", uid="u2", order="Source")],
        Unreachable("ApiUnreachable", "refused"),
        [item("2", order="Overlay")],
        [],
    )
    passes = Recorder()
    run(source, passes)
    wait_for(lambda: {"Overlay", "Source"} <= set(passes.seen))


def test_records_are_collected_after_each_list_but_for_those_that_are_worked_on(monkeypatch):
    monkeypatch.setattr(loop, "FIRST_BACK_OFF_SECONDS", 0.05)
    source = Source([item("1")], [], Unreachable("ApiUnreachable", "refused"), [item("1")], [])
    passes = Recorder()
    run(source, passes)
    assert passes.collected == [{"u1"}, {"u1"}]


def test_an_object_that_cannot_be_read_does_not_stop_the_others():
    broken = item("1", uid="bad")
    broken["status"]["compute"]["order"] = "Sideways"
    source, passes = Source([broken, item("1", order="Overlay")], []), Recorder()
    run(source, passes)
    wait_for(lambda: passes.seen == ["Overlay"])


def test_a_pass_that_raises_is_made_again_later(monkeypatch):
    monkeypatch.setattr(loop, "LONGEST_BACK_OFF_SECONDS", 0.05)

    class Failing(Recorder):
        def run(self, switch: Switch) -> tuple[Switch, float | None]:
            self.seen.append("tried")
            raise RuntimeError("a defect")

    source, passes = Source([item("1")], [("MODIFIED", item("2"))]), Failing()
    run(source, passes)
    wait_for(lambda: len(passes.seen) >= 2)
    assert passes.forgotten == []
