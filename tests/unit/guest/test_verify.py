"""The verifier must bite: each kind of loss is found and called by its name."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from guest import offences
from guest.content import SECTOR, Content
from guest.image import Scanner
from guest.log import Failure, parse
from guest.model import CLEARED, UNDEFINED, Model, UnusableLogError
from guest.operations import TRIM, WRITES, ZERO

pytestmark = pytest.mark.thorough

OPERATIONS = 900
EPOCH = 0x1122334455667788


@pytest.fixture
def worked(disk):
    disk.boot(ops=OPERATIONS)
    return disk


def kinds(disk):
    return set(disk.verify().by_kind)


def last_writers(disk):
    """By sector, the operation that wrote it last in the only boot."""
    model = Model(parse(disk.console))
    return {
        sector: model.locate(identity)[1]
        for sector, identity in enumerate(model.written)
        if identity > CLEARED and model.solid[sector]
    }


def whole_write(disk, at_least):
    """An operation that nothing touched after it: its number, first sector and sectors."""
    writers = last_writers(disk)
    work = parse(disk.console).boots[0].header.work
    for number in range(OPERATIONS, work.fill_ops + 1, -1):
        operation = work.operation(number)
        if operation.kind not in WRITES or operation.sectors < at_least:
            continue
        sectors = range(operation.sector, operation.sector + operation.sectors)
        if all(writers.get(sector) == number for sector in sectors):
            return number, operation.sector, operation.sectors
    raise LookupError("no such write")


def read_before(disk, number, sector, sectors):
    """What the sectors held before this operation: the same boot again, up to there."""
    again = replace(disk, path=disk.path.with_suffix(".before"), console="")
    again.path.write_bytes(bytes(disk.path.stat().st_size))
    again.boot(ops=number - 1, epoch=EPOCH)
    return again.read(sector, sectors)


def test_an_untouched_disk_passes(worked):
    verdict = worked.verify()

    assert verdict.ok
    assert verdict.sectors_checked == 16384
    assert verdict.sectors_undefined == 0
    assert verdict.acknowledged_operations == OPERATIONS
    assert verdict.acknowledged_bytes > 8 << 20


def test_many_boots_pass(disk):
    for _ in range(4):
        disk.boot(ops=300)
    assert disk.verify().ok


def test_one_wrong_byte_anywhere_is_found(worked):
    for sector in list(last_writers(worked))[::997]:
        data = worked.read(sector, 1)
        for at in (0, 8, 16, 24, 32, 300, 495, 496, 511):
            worked.write(sector, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            verdict = worked.verify()
            assert (verdict.offences, verdict.first[0].offset) == (1, sector * SECTOR)
        worked.write(sector, data)
    assert worked.verify().ok


def test_a_dropped_write_is_missing(disk):
    """All of one operation's sectors still hold what they held before it."""
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    number, sector, sectors = whole_write(disk, at_least=8)
    old = read_before(disk, number, sector, sectors)
    disk.write(sector, old)

    assert kinds(disk) == {offences.MISSING}


def test_half_a_write_is_torn(disk):
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    number, sector, sectors = whole_write(disk, at_least=8)
    old = read_before(disk, number, sector, sectors // 2)
    disk.write(sector, old)

    assert offences.TORN in kinds(disk)
    assert kinds(disk) <= {offences.TORN, offences.MISSING}


def test_half_a_sector_is_torn(disk):
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    number, sector, _ = whole_write(disk, at_least=1)
    old = Content(EPOCH).sector(number - 1, sector)
    disk.write(sector, disk.read(sector, 1)[:256] + old[256:])

    assert kinds(disk) == {offences.TORN}


def test_an_aged_disk_is_missing_writes(disk):
    """The disk as it was some operations ago."""
    disk.boot(ops=OPERATIONS // 2, epoch=EPOCH)
    old = disk.path.read_bytes()
    disk.path.write_bytes(bytes(8 << 20))
    disk.console = ""
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    disk.path.write_bytes(old)

    verdict = disk.verify()

    assert verdict.by_kind[offences.MISSING] > 100
    assert set(verdict.by_kind) <= {offences.MISSING, offences.TORN}


def test_zeroes_over_data_are_missing_data(worked):
    _, sector, sectors = whole_write(worked, at_least=8)
    worked.write(sector, bytes(sectors * SECTOR))
    verdict = worked.verify()

    assert verdict.offences == sectors
    assert verdict.first[0].found == "zeroes"


def test_zeroes_are_found_in_a_hole_too(worked, tmp_path):
    """A sparse copy that lost data: the hole is never read, yet it counts."""
    size = worked.path.stat().st_size
    worked.path.unlink()
    with worked.path.open("wb") as file:
        file.truncate(size)
    verdict = worked.verify()

    assert verdict.offences == len(last_writers(worked))


def test_data_back_over_acknowledged_zeroes_is_found(disk):
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    model = Model(parse(disk.console))
    work = parse(disk.console).boots[0].header.work
    back = 0
    for number in range(work.fill_ops + 2, OPERATIONS + 1):
        operation = work.operation(number)
        if operation.kind in WRITES and model.written[operation.sector] == CLEARED:
            disk.write(operation.sector, Content(EPOCH).sector(number, operation.sector))
            back += 1
    verdict = disk.verify()

    assert back > 10
    assert verdict.offences > 10
    assert set(verdict.by_kind) <= {offences.MISSING, offences.TORN}


def test_swapped_blocks_are_misplaced(worked):
    _, a, _ = whole_write(worked, at_least=128)
    writers = last_writers(worked)
    b = next(s for s in writers if abs(s - a) > 600 and all(s + i in writers for i in range(8)))
    first, second = worked.read(a, 8), worked.read(b, 8)
    worked.write(a, second)
    worked.write(b, first)
    verdict = worked.verify()

    assert verdict.by_kind == {offences.MISPLACED: 16}
    assert f"sector {b}" in next(o.found for o in verdict.first if o.offset == a * SECTOR)


def test_unknown_bytes_are_foreign(worked):
    _, sector, _ = whole_write(worked, at_least=8)
    worked.write(sector, b"\xa5" * 8 * SECTOR)

    assert worked.verify().by_kind == {offences.FOREIGN: 8}


def test_another_guests_content_is_foreign(worked):
    _, sector, _ = whole_write(worked, at_least=8)
    worked.write(sector, Content(123456789).sector(5, sector))

    assert worked.verify().by_kind == {offences.FOREIGN: 1}


def test_an_operation_that_never_wrote_here_is_foreign(worked):
    number, sector, sectors = whole_write(worked, at_least=8)
    epoch = parse(worked.console).boots[0].header.epoch
    other = sector + sectors + 2000 if sector < 8000 else sector - 2000
    while other not in last_writers(worked):
        other += 1
    worked.write(other, Content(epoch).sector(number, other))

    assert worked.verify().by_kind == {offences.FOREIGN: 1}


def test_blocks_of_an_earlier_boot_with_the_same_seed_are_told(disk):
    """Both boots do the same operations; only the epoch tells their contents apart."""
    disk.boot(ops=OPERATIONS, seed=7)
    old = disk.path.read_bytes()
    disk.boot(ops=OPERATIONS, seed=7)
    assert disk.verify().ok
    first, second = parse(disk.console).boots
    assert first.header.work.key == second.header.work.key
    model = Model(parse(disk.console))
    stale = [
        sector
        for sector in range(1, 16384)
        if model.solid[sector]
        and model.locate(model.written[sector])[0] == 1
        and old[sector * SECTOR : sector * SECTOR + 8] == b"DETOUR01"
    ][::7]
    for sector in stale:
        disk.write(sector, old[sector * SECTOR : (sector + 1) * SECTOR])
    verdict = disk.verify()

    assert len(stale) > 100
    assert verdict.by_kind == {offences.EARLIER_BOOT: len(stale)}


def test_a_boot_from_an_old_copy_is_told_by_its_first_line(disk):
    """The guest was started on the source after it had run on the destination."""
    disk.boot(ops=300)
    source = disk.path.read_bytes()
    disk.boot(ops=300)
    disk.path.write_bytes(source)
    disk.boot(ops=300)
    verdict = disk.verify()

    assert not verdict.ok
    assert "found sector 0 as" in verdict.findings[0]


def test_an_emptied_disk_is_told_although_the_guest_fills_it_again(disk):
    disk.boot(ops=300)
    disk.path.write_bytes(bytes(8 << 20))
    disk.boot(ops=300)
    verdict = disk.verify()

    assert verdict.offences == 0
    assert "found sector 0 as zero" in verdict.findings[0]


def test_trimmed_sectors_may_hold_zeroes_or_what_they_held_and_nothing_else(disk):
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    model = Model(parse(disk.console))
    trimmed = [
        sector
        for sector in range(16384)
        if model.written[sector] > CLEARED and not model.solid[sector]
    ]
    assert len(trimmed) > 20
    content = Content(EPOCH)
    for sector in trimmed:
        number = model.locate(model.written[sector])[1]
        disk.write(sector, content.sector(number, sector))
    assert disk.verify().ok
    for sector in trimmed:
        disk.write(sector, bytes(SECTOR))
    assert disk.verify().ok
    for sector in trimmed:
        disk.write(sector, content.sector(OPERATIONS + 1000, sector))
    assert disk.verify().offences == len(trimmed)


def without_stop(console):
    """The console of a guest that was killed: its farewell is missing."""
    return "".join(line for line in console.splitlines(keepends=True) if " P " not in line)


def cut_after(console, operation):
    """The console as it was when this number had just been acknowledged."""
    lines = without_stop(console).splitlines(keepends=True)
    end = next(i for i, line in enumerate(lines) if f" A {operation} " in line)
    return "".join(lines[: end + 1])


def test_what_was_under_way_at_a_kill_may_be_there_or_not(disk):
    full = disk.boot(ops=OPERATIONS, epoch=EPOCH)
    acknowledgements = [ack.operation for ack in parse(full).boots[0].acknowledgements]
    disk.console = cut_after(full, acknowledgements[-2])
    assert disk.verify().ok
    disk.boot(ops=OPERATIONS)
    assert disk.verify().ok


def test_what_the_log_cannot_know_is_ahead_of_it(disk):
    full = disk.boot(ops=OPERATIONS, epoch=EPOCH)
    acknowledgements = [ack.operation for ack in parse(full).boots[0].acknowledgements]
    disk.console = cut_after(full, acknowledgements[-10])
    verdict = disk.verify()

    assert offences.AHEAD_OF_LOG in verdict.by_kind
    assert disk.verify(slack=OPERATIONS - acknowledgements[-10]).ok


def test_no_operations_are_under_way_after_a_farewell(disk):
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    work = parse(disk.console).boots[0].header.work
    number = next(
        n for n in range(OPERATIONS + 1, OPERATIONS + 17) if work.operation(n).kind in WRITES
    )
    disk.write(work.operation(number).sector, Content(EPOCH).sector(number, 0))
    assert not disk.verify().ok


def test_a_failed_write_may_be_there_or_not(disk):
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    number, sector, sectors = whole_write(disk, at_least=8)
    old = read_before(disk, number, sector, sectors)
    boots = parse(disk.console)
    disk.write(sector, old)
    assert Scanner(Model(boots)).scan(disk.path).wrong

    boots.boots[0].failures.append(Failure(number, number, "W", 5))
    boots.boots[0].failure_count = 1

    assert not Scanner(Model(boots)).scan(disk.path).wrong


def test_a_shorter_image_fails_and_a_longer_one_does_not(worked):
    with worked.path.open("r+b") as file:
        file.truncate(9 << 20)
        assert worked.verify().ok
        file.truncate(7 << 20)
    assert "shorter" in worked.verify().findings[0]


def test_an_unusable_log_is_refused(worked):
    lines = worked.console.splitlines(keepends=True)
    for console in ("", "".join(lines[1:]), "".join(lines[:10] + lines[12:])):
        worked.console = console
        with pytest.raises(UnusableLogError):
            worked.verify()


def test_a_missing_first_boot_is_refused(disk):
    disk.boot(ops=100)
    disk.console = ""
    disk.boot(ops=100)
    with pytest.raises(UnusableLogError, match="before the first is missing"):
        disk.verify()


def test_the_model_agrees_with_a_plain_replay(disk):
    """The bulk operations of the model against one that goes sector by sector."""
    disk.boot(ops=OPERATIONS, epoch=EPOCH)
    model = Model(parse(disk.console))
    work = parse(disk.console).boots[0].header.work
    plain = {}
    for number in range(1, OPERATIONS + 1):
        kind, start, sectors = work.operation(number)
        for sector in range(start, start + sectors):
            if kind in WRITES:
                plain[sector] = (model.bases[0] + number, 1)
            elif kind == ZERO:
                plain[sector] = (CLEARED, 0)
            elif kind == TRIM:
                plain[sector] = (plain.get(sector, (UNDEFINED, 0))[0], 0)

    assert dict(enumerate(zip(model.written, model.solid, strict=True))) == plain


def run_cli(*words, stdin=None):
    return subprocess.run(
        [sys.executable, "-m", "guest.verify", *words],
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        env={"PYTHONPATH": str(Path(offences.__file__).parent.parent)},
    )


def test_the_command_line(worked, tmp_path):
    log = tmp_path / "console.log"
    log.write_text(worked.console)
    words = ["--log", str(log), "--image", str(worked.path), "--json"]

    good = run_cli(*words)
    assert good.returncode == 0
    assert json.loads(good.stdout)["ok"] is True

    piped = run_cli("--log", "-", *words[2:], stdin=worked.console)
    assert piped.returncode == 0

    worked.write(0, bytes(SECTOR))
    bad = run_cli(*words)
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["first"][0]["offset"] == 0
    assert run_cli(*words[:-1]).stdout.startswith("FAILED")

    log.write_text("nothing")
    assert run_cli(*words).returncode == 2
