"""The situations a decision can be asked about."""

import itertools
from collections.abc import Iterator

from detour_agent.domain.situation import Job, Libvirt, PathImage, Seen, Target, Wanted
from detour_crds.attachment_switch import Order, Qemu, Stage, Top

FLAGS = (
    {"overlay_present": False},
    {"base_is_source": True},
    {"source_open": False},
    {"source_writable": True},
    {"tries_left": False},
    {"libvirt": Libvirt.SETTLING},
    {"libvirt": Libvirt.STALE},
    {"libvirt": Libvirt.STALE, "base_is_source": True},
    {"healing": True},
    {"healing": True, "base_is_source": True},
)


def running() -> Iterator[tuple[Wanted, Seen]]:
    """Top, stage, order, job, path and destination in every combination."""
    for top, stage, order, job, path, target in itertools.product(
        Top, Stage, Order, Job, PathImage, Target
    ):
        wanted = Wanted(order=order, reported=order, ever_reported=stage is Stage.OVERLAY)
        yield wanted, Seen(top=top, stage=stage, job=job, path=path, target=target)


def with_flags() -> Iterator[tuple[Wanted, Seen]]:
    """The other facts, one by one, where the coarse ones can make a difference."""
    paths = (PathImage.SOURCE, PathImage.DESTINATION)
    jobs = (Job.NONE, Job.MIRROR_READY, Job.COMMIT_READY, Job.ENDING, Job.LOST)
    for top, stage, order, job, path, flags in itertools.product(
        Top, Stage, Order, jobs, paths, FLAGS
    ):
        seen = Seen(top=top, stage=stage, job=job, path=path, target=Target.GOOD, **flags)
        yield Wanted(order=order), seen


def not_running() -> Iterator[tuple[Wanted, Seen]]:
    """A guest that is gone or cannot be looked at, and what was reported of it."""
    yes_no = (True, False)
    for qemu, stage, order, reported, there, handed, ever in itertools.product(
        (Qemu.GONE, Qemu.UNKNOWN), Stage, Order, Order, yes_no, yes_no, yes_no
    ):
        seen = Seen(
            qemu=qemu,
            top=Top.UNKNOWN,
            stage=stage,
            overlay_present=there,
            overlay_handed=handed,
        )
        yield Wanted(order=order, reported=reported, ever_reported=ever), seen


def stopped() -> Iterator[tuple[Wanted, Seen]]:
    """A guest that is gone, with what a finisher shows of its images."""
    for stage, order, target, base, equal in itertools.product(
        Stage, Order, Target, Target, (None, True, False)
    ):
        seen = Seen(
            qemu=Qemu.GONE, top=Top.UNKNOWN, stage=stage, target=target, base=base, equal=equal
        )
        yield Wanted(order=order, ever_reported=True), seen


def missing_journals() -> Iterator[tuple[Wanted, Seen]]:
    """No journal: with and without one ever having been reported."""
    for top, order, job, path, ever in itertools.product(
        Top, Order, Job, PathImage, (True, False)
    ):
        seen = Seen(top=top, stage=Stage.MISSING, job=job, path=path)
        yield Wanted(order=order, ever_reported=ever), seen
