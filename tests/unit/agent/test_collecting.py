"""Records are collected: of moves that are over, whose switches are surely gone, and no others."""

import dataclasses
import itertools
import os
from pathlib import Path

import pytest

from detour_agent.adapters.journal_files import JournalFiles
from detour_agent.adapters.kept_records import KeptRecords
from detour_agent.collecting import Collector
from detour_agent.domain.throttle import Tune
from detour_agent.domain.tombstones import GONE_SECONDS, KEPT_SECONDS, OVER, Found, may_go
from detour_agent.errors import StepFailed, Unreachable
from detour_crds.attachment_switch import Stage
from unit.agent.test_journal import RECORD, UID

NOW = 10_000.0
LONG_GONE = NOW - GONE_SECONDS
OLD = Found(switch_uid=UID, stage=Stage.DONE, age_seconds=KEPT_SECONDS, overlay=False)


def test_what_may_go_is_over_gone_and_old():
    facts = itertools.product(
        Stage,
        (0.0, KEPT_SECONDS - 1, KEPT_SECONDS),
        (False, True, None),
        (False, True),
        (None, NOW, LONG_GONE + 1, LONG_GONE),
    )
    for stage, age, overlay, owes, absent in facts:
        found = Found(switch_uid=UID, stage=stage, age_seconds=age, overlay=overlay, owes=owes)
        left_over = overlay is True and stage is not Stage.NONE
        nothing_left = (overlay is False or left_over) and not owes
        old = age == KEPT_SECONDS and absent == LONG_GONE
        assert may_go(found, absent, NOW) == (stage in OVER and nothing_left and old)


def test_over_are_the_ends_and_the_beginning():
    assert {Stage.DONE, Stage.CANCELLED, Stage.NONE} == OVER


class Api:
    """All switches of the cluster; None while it does not answer."""

    def __init__(self) -> None:
        self.uids: frozenset[str] | None = frozenset()
        self.asked = 0

    def everywhere(self) -> frozenset[str]:
        self.asked += 1
        if self.uids is None:
            raise Unreachable("ApiUnreachable", "refused")
        return self.uids


class Node:
    """A node's disk with a collector, and the times it goes by."""

    def __init__(self, state: Path) -> None:
        self.journal, self.api = JournalFiles(state), Api()
        self.monotonic = 0.0
        self.folder = state / "switches" / UID
        records = KeptRecords(state, self.journal, clock=lambda: KEPT_SECONDS + 1)
        self.collector = Collector(records, self.api, self)

    def now(self) -> float:
        return self.monotonic

    def write(self, **changes: object) -> None:
        ended = {"stage": Stage.DONE, "overlays": ()}
        self.journal.write(dataclasses.replace(RECORD, **{**ended, **changes}))
        os.utime(self.folder / "journal.json", (0, 0))

    def look(self, *, after: float = 0.0, busy: tuple[str, ...] = ()) -> bool:
        """Whether the record is there after one more look."""
        self.monotonic += after
        self.collector.collect(busy)
        return self.folder.exists()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("stage", sorted(OVER))
def test_a_record_goes_when_its_switch_was_gone_for_long_enough(node: Node, stage: Stage):
    node.write(stage=stage)
    assert node.look()
    assert node.look(after=GONE_SECONDS - 1)
    assert not node.look(after=1)
    assert node.folder.parent.exists()


@pytest.mark.parametrize("stage", sorted(set(Stage) - OVER))
def test_no_other_record_goes(node: Node, stage: Stage):
    node.write(stage=stage)
    for _ in range(3):
        assert node.look(after=GONE_SECONDS)


def test_a_switch_that_is_seen_again_begins_anew(node: Node):
    node.write()
    assert node.look()
    node.api.uids = frozenset({UID})
    assert node.look(after=GONE_SECONDS)
    node.api.uids = frozenset({"another"})
    assert node.look(after=GONE_SECONDS)
    assert not node.look(after=GONE_SECONDS)


def test_an_api_that_does_not_answer_says_nothing(node: Node):
    node.write()
    node.api.uids = None
    assert node.look()
    assert node.look(after=GONE_SECONDS)
    node.api.uids = frozenset()
    assert node.look()
    node.api.uids = None
    assert node.look(after=GONE_SECONDS)
    node.api.uids = frozenset()
    assert not node.look()


def test_one_that_somebody_works_on_is_left(node: Node):
    node.write()
    assert node.look()
    assert node.look(after=GONE_SECONDS, busy=(UID,))
    assert node.look()
    assert not node.look(after=GONE_SECONDS)


def test_a_record_of_late_is_kept(node: Node):
    node.write()
    os.utime(node.folder / "journal.json", (100, 100))
    for _ in range(3):
        assert node.look(after=GONE_SECONDS)
    assert node.api.asked == 0


def test_limits_that_are_to_be_put_back_keep_it(node: Node):
    node.write(tune_before=Tune())
    assert all(node.look(after=GONE_SECONDS) for _ in range(3))


def overlay_beside(node: Node) -> Path:
    overlay = node.folder / "overlay" / RECORD.overlays[0]
    overlay.parent.mkdir()
    overlay.touch()
    return overlay


@pytest.mark.parametrize("stage", [Stage.DONE, Stage.CANCELLED])
def test_an_overlay_that_was_left_at_the_end_goes_with_it(node: Node, stage: Stage):
    """Its node was lost when the move ended, and the migration is deleted when it is back."""
    node.write(stage=stage, overlays=RECORD.overlays)
    overlay = overlay_beside(node)
    node.api.uids = frozenset({UID})
    assert node.look(after=GONE_SECONDS)
    assert overlay.exists()
    node.api.uids = frozenset()
    assert node.look()
    assert not node.look(after=GONE_SECONDS)


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.DONE, Stage.CANCELLED}))
def test_any_other_overlay_stays(node: Node, stage: Stage):
    node.write(stage=stage, overlays=RECORD.overlays)
    overlay = overlay_beside(node)
    assert all(node.look(after=GONE_SECONDS) for _ in range(3))
    assert overlay.exists()


def test_an_overlay_that_may_be_on_a_volume_keeps_it(node: Node):
    node.write(overlays=RECORD.overlays)
    assert all(node.look(after=GONE_SECONDS) for _ in range(3))


def test_a_record_that_cannot_be_read_is_kept_and_holds_up_no_other(node: Node):
    node.write()
    broken = node.folder.parent / "0000"
    broken.mkdir()
    (broken / "journal.json").write_text("{")
    (node.folder.parent / "stray").touch()
    assert node.look()
    assert not node.look(after=GONE_SECONDS)
    assert (broken / "journal.json").exists()


@pytest.mark.parametrize("where", ["overlay", "."])
def test_what_is_not_the_records_own_is_never_removed(node: Node, tmp_path: Path, where: str):
    node.write()
    (node.folder / where).mkdir(exist_ok=True)
    (node.folder / where / "of-somebody").touch()
    with pytest.raises(StepFailed):
        KeptRecords(tmp_path, node.journal).remove(UID)
    assert (node.folder / where / "of-somebody").exists()
    assert node.journal.read(UID) is not None
