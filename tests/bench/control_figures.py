"""What one held move comes to: memory, overhead, the overlay, and the guest's writes; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench import overhead
from bench.latency import longest_ms, utc
from bench.record import Record
from bench.watching import GO_ON
from guest.log import Boots
from guest.operations import WRITES, ZERO

QUIET_SECONDS = 30
"""Without a move, right before it."""
MIB = 2**20
SECTOR = 512


@dataclass(frozen=True)
class Held:
    """What was seen of a move that was held after its copy; times are seconds of our clock.

    Attributes:
        plain: seconds that a plain pod with a fresh claim took to start.
        idle: resident bytes of ``operator`` and ``node-agent`` before the guest was there.
        busy: the most that each had been by the end of the move.
        takeover: seconds until the second operator worked for one that was held; None if that
            could not be tried.
        began: when it was about to be applied.
        looked: when the overlay was looked at, right before the move went on.
        overlay: bytes of the overlay then.
        merged: bytes that the merge moved in all.
        moments: when each thing about the move was seen first.
    """

    plain: float
    idle: Mapping[str, float]
    busy: Mapping[str, float]
    takeover: float | None
    began: float
    looked: float
    overlay: int
    merged: int
    moments: Mapping[str, float]


def records(held: Held, boots: Boots) -> list[Record]:
    """The figures, with the guest's log."""
    return [
        *_memory(held),
        *_takeover(held),
        *_times(held),
        *overhead.records(held.moments, held.plain),
        *_overlay(held, boots),
        *_writes(held, boots),
    ]


def written(boots: Boots, start: float, end: float) -> int:
    """Bytes that the guest wrote or zeroed between two moments of our clock."""
    boot = boots.last
    if boot is None or boot.header is None:
        raise LookupError("the guest's log has no header")
    inside = [
        ack.operation
        for ack in boot.acknowledgements
        if ack.arrived and utc(start) <= ack.arrived <= utc(end)
    ]
    operations = (boot.header.work.operation(n) for n in range(inside[0], inside[-1] + 1))
    return sum(o.sectors * SECTOR for o in operations if o.kind in (*WRITES, ZERO))


def _memory(held: Held) -> list[Record]:
    idle, busy = held.idle, held.busy
    now = "resident size"
    most = "the largest resident size by the end of a move"
    # The agent's is Python's, the Kubernetes client's with all its models, and libvirt's.
    return [
        Record("operator, idle", idle["operator"] / MIB, "MiB", 128, now),
        Record("operator, during a move", busy["operator"] / MIB, "MiB", 160, most),
        Record("node agent, idle", idle["node-agent"] / MIB, "MiB", 80, now),
        Record("node agent, during a move", busy["node-agent"] / MIB, "MiB", 96, most),
    ]


def _takeover(held: Held) -> list[Record]:
    how = (
        "from when the leading operator was held up (SIGSTOP) until the other one had answered a"
        " new VolumeMigration"
    )
    return [] if held.takeover is None else [Record("failover", held.takeover, "s", 20, how)]


def _times(held: Held) -> list[Record]:
    to_frozen = held.moments["SourceFrozen"] - held.began
    to_released = overhead.lasted(held.moments, overhead.TO_RELEASED)
    return [
        Record(
            "apply to frozen", to_frozen / held.plain, "x", 4,
            f"{to_frozen:.1f} s over the start of a plain pod with a fresh claim "
            f"({held.plain:.1f} s); a move starts one such pod before it freezes",
        ),
        Record(
            "go on to released", to_released / held.plain, "x", 2,
            f"{to_released:.1f} s from hold: false until the hypervisor has closed the source, "
            "over the same pod's start; the merge is in it",
        ),
    ]  # fmt: skip


def _overlay(held: Held, boots: Boots) -> list[Record]:
    frozen, released = held.moments["SourceFrozen"], held.moments["SourceReleased"]
    diverted, during = written(boots, frozen, held.looked), written(boots, frozen, released)
    return [
        Record(
            "overlay growth per byte written", held.overlay / diverted, "x", 1.3,
            f"{held.overlay:,} bytes of overlay after {diverted:,} bytes of random writes and "
            "zeroes by the guest; overwriting a block twice lowers it",
        ),
        Record(
            "bytes merged per byte written", held.merged / during, "x", 1.3,
            f"{held.merged:,} bytes merged after {during:,} written",
        ),
    ]  # fmt: skip


def _writes(held: Held, boots: Boots) -> list[Record]:
    moments = held.moments
    quiet = longest_ms(boots, held.began - QUIET_SECONDS + 2, held.began - 1)
    around = {
        "start": longest_ms(boots, moments["Locked"], moments["SourceFrozen"] + 1),
        "pivot": longest_ms(boots, moments[GO_ON], moments["SourceReleased"] + 1),
    }
    return [
        Record(
            f"longest write around the {what}", longest / quiet, "x", 10,
            f"{longest:.0f} ms over {quiet:.0f} ms in {QUIET_SECONDS} s without a move",
        )
        for what, longest in around.items()
    ]  # fmt: skip
