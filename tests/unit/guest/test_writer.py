"""The writer in C and the verifier in Python must mean the same operations and bytes."""

import dataclasses
import itertools
import subprocess

import pytest

from guest.content import SECTOR, Content, decode
from guest.log import of_disk, parse
from guest.operations import TRIM, WRITES, ZERO, Work

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("sectors", [2, 9, 16384, 3 * (1 << 21) + 5])
@pytest.mark.parametrize("fill", [0, 37, 100])
@pytest.mark.parametrize("largest", [512, 4096, 262144])
@pytest.mark.parametrize("granule", [1, 8])
def test_operations_are_the_same_in_both_languages(writer, sectors, fill, largest, granule):
    count = 3000
    sectors = max(-(-sectors // granule), 2) * granule
    epoch = 0xFEDCBA9876543210
    words = [f"list={count}", f"sectors={sectors}", f"fill={fill}", f"largest={largest}"]
    words.append(f"granule={granule}")
    listed = subprocess.run(
        [writer, *words, f"epoch={epoch}"], capture_output=True, text=True, check=True
    ).stdout
    fill_sectors = (sectors - 1) * fill // 100
    fill_ops = -(-fill_sectors // 512) + -(-(sectors - 1 - fill_sectors) // 32768)
    work = Work(epoch, sectors, largest // 512, fill_sectors, fill_ops, granule)

    mine = [work.operation(number) for number in range(1, count + 1)]

    assert listed.splitlines() == [f"{op.kind} {op.sector} {op.sectors}" for op in mine]
    assert all(op.sectors > 0 and op.sector + op.sectors <= sectors for op in mine)
    assert all(op.sector % granule == op.sectors % granule == 0 for op in mine)


def test_a_disk_of_large_sectors_is_written_and_judged_in_whole_ones(disk):
    for _ in range(2):
        disk.boot(granule=8, ops=3000)
    verdict = disk.verify()
    assert verdict.ok, verdict.describe()
    written = next(sector for sector in range(64, 16384) if any(disk.read(sector, 1)))
    disk.write(written, bytes(SECTOR))
    assert not disk.verify().ok


def test_two_disks_on_one_console_are_told_apart_by_their_size(disk, tmp_path):
    other = dataclasses.replace(disk, path=tmp_path / "other.img", console="")
    with other.path.open("wb") as file:
        file.truncate(4 << 20)
    spoken = (one.boot(fill=0, ops=200).splitlines() for one in (disk, other))
    console = "\n".join(line for pair in itertools.zip_longest(*spoken) for line in pair if line)
    for one in (disk, other):
        one.console = of_disk(console, one.path.stat().st_size // SECTOR)
        assert len(parse(one.console).boots) == 1
        assert one.verify().ok


def test_every_kind_and_size_occurs_all_over_the_disk():
    work = Work(key=5, sectors=1 << 16, largest=512, fill_sectors=0, fill_ops=0)
    operations = [work.operation(number) for number in range(2, 20000)]

    touching = [op for op in operations if op.kind in (*WRITES, ZERO, TRIM)]
    touched = bytearray(1 << 16)
    for op in touching:
        touched[op.sector : op.sector + op.sectors] = b"\1" * op.sectors

    assert {op.kind for op in operations} == set("WDZTFR")
    assert {1, 2, 8, 128, 256, 512} <= {op.sectors for op in touching}
    assert touched.count(1) > 0.99 * len(touched)
    assert all(op.sector > 0 for op in operations)


def test_the_superblock_is_the_bytes_that_python_expects(disk):
    disk.boot(ops=100)
    header = parse(disk.console).boots[0].header

    expected = Content(header.epoch).sector(header.work.fill_ops + 1, 0)

    assert disk.read(0, 1) == expected


def test_every_write_is_timed(disk):
    disk.boot(fill=0, ops=300)
    (boot,) = parse(disk.console).boots
    kinds = [boot.header.work.operation(number).kind for number in range(1, 301)]

    assert sum(second.writes for second in boot.latencies) == sum(kind in WRITES for kind in kinds)
    assert all(bool(second.writing_us) == bool(second.writes) for second in boot.latencies)


def test_a_first_boot_fills_the_wanted_part(disk):
    disk.boot(fill=25, ops=9)
    header = parse(disk.console).boots[0].header

    filled = [sector for sector in range(16384) if disk.read(sector, 1) != bytes(SECTOR)]

    assert header.found == "zero"
    assert header.work.fill_ops == 9
    assert filled == list(range(1, 1 + 16383 * 25 // 100))


def test_a_fill_that_was_cut_short_is_done_again(disk):
    disk.boot(ops=5)
    disk.boot(ops=50)

    assert parse(disk.console).boots[1].header.work.fill_ops > 5
    assert disk.verify().ok


def test_a_later_boot_finds_the_superblock_and_does_not_fill(disk):
    disk.boot(ops=100)
    disk.boot(ops=100)
    first, second = parse(disk.console).boots

    assert second.header.work.fill_ops == 0
    assert second.header.found == f"{first.header.epoch:016x}:{first.header.work.fill_ops + 1}"
    assert second.header.epoch != first.header.epoch


def test_the_guest_itself_sees_a_change_of_what_it_wrote(disk, writer):
    """Swaps the disk's content under a running writer: reading back must tell."""
    running = subprocess.Popen(
        [writer, f"disk={disk.path}", "pause_us=200"], stdout=subprocess.PIPE, text=True
    )
    try:
        console = ""
        for line in running.stdout:
            console += line
            if " A 200 " in line or len(parse(console).boots[0].acknowledgements) > 40:
                break
        for sector in range(1, 16384):
            disk.write(sector, b"\xee" * SECTOR)
        for line in running.stdout:
            console += line
            if " E " in line:
                break
    finally:
        running.terminate()
        console += running.stdout.read()
        running.wait()
        running.stdout.close()
    boot = parse(console).boots[0]

    assert boot.mismatch_count > 0
    assert "found=unknown" in boot.mismatches[0]
    assert boot.stopped == "asked"


def test_the_guest_tells_content_of_another_place_even_from_an_earlier_boot(disk):
    disk.boot(ops=200)
    elsewhere = disk.read(40, 1)
    for sector in range(41, 16384):
        disk.write(sector, elsewhere)
    disk.boot(ops=600)

    assert parse(disk.console).boots[1].mismatch_count > 0


def test_decode_tells_torn_from_whole():
    content = Content(77)
    old, new = content.sector(3, 9), content.sector(4, 9)

    assert decode(new, {77: content}).whole
    assert decode(new, {}).whole
    for cut in (17, 40, 200, 496):
        assert not decode(new[:cut] + old[cut:], {77: content}).whole
    assert decode(bytes(SECTOR), {77: content}) is None
