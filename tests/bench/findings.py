"""What the moves come to: figures, and the tables that explain them; pure."""

import statistics
from dataclasses import dataclass

from bench import steps
from bench.moving import QUIET_SECONDS, Move
from bench.record import Record
from bench.steps import Whose
from guest.log import Boots

HOST_GOAL, SHARED_GOAL = 0.75, 0.05
INDEPENDENT_GOAL = 1.2
"""Of the largest disk over the smallest one: pods do not start twice in quite the same time."""
NOT_BYTES_GOAL, OURS_GOAL = 8, 1
SLOWER_GOAL = 1.5


@dataclass(frozen=True)
class Disk:
    """All that was done with one disk.

    Attributes:
        size: as the claim has it.
        block_copies: seconds of the full block copies before and after the moves.
        moves: those without a limit, the one by the host first.
        limited: the same with a limit of half the bandwidth; None if it was not made.
        boots: the guest's log.
    """

    size: str
    block_copies: tuple[float, ...]
    moves: list[Move]
    limited: Move | None
    boots: Boots

    @property
    def block_copy(self) -> float:
        """The mean of the block copies."""
        return statistics.mean(self.block_copies)

    def by(self, method: str) -> Move | None:
        """The move by that method."""
        return next((move for move in self.moves if move.method == method), None)


def records(disks: list[Disk]) -> tuple[list[Record], list[str]]:
    """The figures, and why one is missing; of several disks the last one is the largest."""
    found = [record for move in disks[-1].moves for record in _copy_and_merge(move, disks)]
    found += _not_bytes([move for disk in disks for move in disk.moves if move.copied_by_us])
    notes = []
    for name, move, goal in (
        ("with a limit of half the bandwidth", disks[-1].limited, SLOWER_GOAL),
        ("without a limit", next(iter(disks[-1].moves), None), None),
    ):
        if move is None or not move.copied_by_us:
            continue
        try:
            found += _latency(name, move, goal, disks[-1])
        except LookupError as error:
            notes.append(f"writes during a copy {name}: not measured: {error}")
    return found, notes


def _copy_and_merge(move: Move, disks: list[Disk]) -> list[Record]:
    smallest, largest = disks[0], disks[-1]
    how = (
        f"{move.copy_and_merge:.1f} s from SourceFrozen to SourceReleased over `virsh blockcopy` "
        f"of the same disk beside the same guest until it is ready, {largest.block_copy:.1f} s"
    )
    name = f"copy and merge, {move.method}"
    ratio = move.copy_and_merge / largest.block_copy
    goal = HOST_GOAL if move.copied_by_us else SHARED_GOAL
    found = [Record(f"{name}, {largest.size}", ratio, "x", goal, how)]
    small = smallest.by(move.method)
    if small is not None and len(disks) > 1 and not move.copied_by_us:
        how = f"{move.copy_and_merge:.1f} s over {small.copy_and_merge:.1f} s"
        ratio = move.copy_and_merge / small.copy_and_merge
        title = f"{name}, {largest.size} over {smallest.size}"
        found.append(Record(title, ratio, "x", INDEPENDENT_GOAL, how))
    return found


def _not_bytes(moves: list[Move]) -> list[Record]:
    if not moves:
        return []
    whole, pods, storage, ours = (
        statistics.median(move.not_bytes(*whose) for move in moves)
        for whose in ((), (Whose.PODS,), (Whose.STORAGE,), (Whose.DETOUR,))
    )
    of = f"median of {len(moves)} moves by the host, of the steps below"
    how = f"{of}; for pods {pods:.1f} s, for the storage {storage:.1f} s"
    return [
        Record("apply to Succeeded without copy and merge", whole, "s", NOT_BYTES_GOAL, how),
        Record(
            "Detour's own part of it", ours, "s", OURS_GOAL,
            f"{of}: operator, node agent, libvirt's calls, and the API server's answers to them",
        ),
    ]  # fmt: skip


def _latency(name: str, move: Move, goal: float | None, disk: Disk) -> list[Record]:
    mean, longest = move.slower_writes(disk.boots)
    start, end = move.copying
    how = (
        f"while the copier ran ({end - start:.0f} s), over the {QUIET_SECONDS} s before that "
        f"move; disk of {disk.size}"
    )
    return [
        Record(f"mean write during a copy {name}", mean, "x", goal, how),
        Record(f"longest request during a copy {name}", longest, "x", None, how),
    ]


def details(disks: list[Disk]) -> list[str]:
    """Markdown: every move of every disk, and the steps of one of them."""
    first = next((move for move in disks[0].moves if move.copied_by_us), None)
    head = (
        "| disk | method | block copy | copy and merge | apply to Succeeded "
        "| pods | storage | Detour |",
        "|---|---|---|---|---|---|---|---|",
    )
    rows = [_row(disk, move) for disk in disks for move in disk.moves]
    found = ["## Moves", "", "In seconds.", "", *head, *rows, ""]
    if first is not None:
        found += [f"## Steps of the move of {disks[0].size}", "", *steps.table(first.steps), ""]
    return found


def _row(disk: Disk, move: Move) -> str:
    figures = [
        disk.block_copy,
        move.copy_and_merge,
        move.whole,
        *(move.not_bytes(whose) for whose in steps.NOT_BYTES),
    ]
    words = [disk.size, move.method, *(f"{figure:.1f}" for figure in figures)]
    return f"| {' | '.join(words)} |"
