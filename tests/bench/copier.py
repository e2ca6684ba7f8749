"""The copier by itself, on files and devices of this machine: no cluster is needed.

``BENCH_SIZE`` (1Gi) is the size of the images, ``BENCH_ROUNDS`` (5) how often everything is run,
``BENCH_FOLDER`` (build/bench) where the images are; all of it together takes some minutes.
"""

import os
import shutil
from functools import partial

from bench import images, rivals
from bench.images import Place
from bench.record import Part, Record
from bench.stand import ENVIRONMENT, Stand
from bench.timing import Run, fastest, interleaved, run

OURS = "detour_copier"
SHA256SUM = "sha256sum"
GIB = 2**30
COPY_GOAL, VERIFY_GOAL, PROCESSOR_GOAL = 1.1, 1.0, 1.2


def measure() -> Part:
    """Copy and verify against what others do."""
    stand = Stand.read()
    missing = rivals.install_nbdcopy()
    notes = [
        f"copier by itself: images of {stand.size / GIB:g} GiB of random bytes, cold caches, "
        f"medians of {stand.rounds} interleaved runs, each until the destination is on its medium",
        *([missing] if missing else []),
    ]
    records: list[Record] = []
    shutil.rmtree(stand.folder, ignore_errors=True)
    try:
        for holes in (False, True):
            images.make(stand.source, stand.size, holes=holes)
            for block in (False, True):
                what = "device to device" if block else "file to file"
                what += ", every second MiB a hole" if holes else ", full"
                if block and os.geteuid():
                    notes.append(f"{what}: not measured, to make devices takes root")
                    continue
                found = _measure(stand, what, block=block, verified=not holes and not block)
                records += found
                if not found:
                    notes.append(f"{what}: not measured, the file system shares blocks")
    finally:
        shutil.rmtree(stand.folder, ignore_errors=True)
    return Part(records, notes)


def _measure(stand: Stand, what: str, *, block: bool, verified: bool) -> list[Record]:
    with stand.places(block=block) as (source, destination):
        copied = _copied(stand, source, destination)
        if stand.shared_blocks():
            return []
        records = [copy_record(what, copied)]
        if verified:
            compared = _compared(stand, source, destination)
            records.append(verification_record(compared))
            records += processor_records(stand.size / GIB, copied, compared)
    return records


def _copied(stand: Stand, source: Place, destination: Place) -> dict[str, Run]:
    def contend(command: list[str]) -> Run:
        images.empty(destination)
        images.chill(source)
        return run(command, durable=destination.path, environment=ENVIRONMENT)

    commands = rivals.copies(source, destination)
    commands[OURS] = stand.copier(block=source.block)
    contenders = {name: partial(contend, command) for name, command in commands.items()}
    return interleaved(contenders, stand.rounds)


def _compared(stand: Stand, source: Place, destination: Place) -> dict[str, Run]:
    """Of a destination that a copy has made before."""

    def contend(command: list[str]) -> Run:
        images.chill(source)
        images.chill(destination)
        return run(command, environment=ENVIRONMENT)

    commands = {
        OURS: stand.copier("--check", "--verify", block=source.block),
        SHA256SUM: rivals.checksums(source, destination),
    }
    contenders = {name: partial(contend, command) for name, command in commands.items()}
    return interleaved(contenders, stand.rounds)


def copy_record(what: str, found: dict[str, Run]) -> Record:
    """Ours over the fastest other one."""
    others = {name: taken for name, taken in found.items() if name != OURS}
    ratio = found[OURS].seconds / others[fastest(others)].seconds
    every = ", ".join(f"`{name}` {taken.seconds:.2f} s" for name, taken in others.items())
    how = f"{found[OURS].seconds:.2f} s over the fastest of {every}"
    return Record(f"host copy, {what}", ratio, "x", COPY_GOAL, how)


def verification_record(found: dict[str, Run]) -> Record:
    """Ours over the checksums of both images."""
    ours, theirs = found[OURS].seconds, found[SHA256SUM].seconds
    how = (
        f"`detour_copier --check --verify` {ours:.2f} s over `{SHA256SUM}` of both images at "
        f"once, {theirs:.2f} s"
    )
    return Record("verification", ours / theirs, "x", VERIFY_GOAL, how)


def processor_records(
    gib: float, copied: dict[str, Run], compared: dict[str, Run]
) -> list[Record]:
    """Ours over nbdcopy's, each per GiB; none without nbdcopy."""
    if rivals.NBDCOPY not in copied:
        return []
    theirs = copied[rivals.NBDCOPY].processor / gib
    records = []
    for what, taken in (("copy", copied[OURS]), ("verification", compared[OURS])):
        ours = taken.processor / gib
        how = (
            f"{ours:.2f} s of user and system time per GiB of a full file over the {theirs:.2f} s "
            f"of `{rivals.NBDCOPY}`; what kernel threads do for either is in nobody's name"
        )
        name = f"processor time of the {what}"
        records.append(Record(name, ours / theirs, "x", PROCESSOR_GOAL, how))
    return records
