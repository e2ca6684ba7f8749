"""The log is read through kernel noise, time stamps, repeats and cuts."""

import zlib
from datetime import UTC, datetime

import pytest

from guest.log import Failure, parse

HEADER = (
    "version=1 epoch=00000001000000ff key=0000000000000007 sectors=16384 block=4096 fill=50 "
    "fill_sectors=8191 fill_ops=17 largest=512 window=16 pause_us=2000 found=zero rtc=1"
)


def record(number, kind, fields, epoch="00000001"):
    text = f"D1 {epoch} {number} {kind} {fields}"
    return f"{text} {zlib.crc32(text.encode()):08x}"


def console(*lines):
    return "\r\n".join([record(0, "H", HEADER), *lines]) + "\r\n"


def only(text):
    boots = parse(text)
    assert len(boots.boots) == 1
    return boots.boots[0]


def test_a_header_and_its_parameters():
    header = only(console()).header

    assert (header.epoch, header.window, header.found) == (0x1000000FF, 16, "zero")
    assert (header.work.key, header.work.sectors, header.work.fill_ops) == (7, 16384, 17)


def test_records_of_all_kinds():
    boot = only(
        console(
            record(1, "A", "16 0 0"),
            record(2, "L", "5000 410 702 300 90000"),
            record(3, "E", "op=20 sector=4 expected=zeroes:0 found=data"),
            record(4, "X", "21 21 W 5"),
            record(5, "A", "32 1 1"),
            record(6, "P", "asked"),
        )
    )

    assert boot.acknowledged == 32
    (second,) = boot.latencies
    assert (second.time_ms, second.operations, second.longest_us) == (5000, 410, 702)
    assert (second.writes, second.writing_us) == (300, 90000)
    assert boot.mismatch_count == 1
    assert boot.failures == [Failure(21, 21, "W", 5)]
    assert boot.stopped == "asked"
    assert boot.problems() == []


def test_noise_is_passed_over_and_explains_what_it_destroyed():
    damaged = record(2, "A", "32 0 0")
    boot = only(
        "SeaBIOS (version 1.16)\n\x1b[2J"
        + console(
            f"[    1.0] hello {record(1, 'A', '16 0 0')}",
            f"{damaged[:12]}[  2.0] a kernel message{damaged[12:]}",
            record(3, "A", "48 0 0"),
        )
    )

    assert boot.acknowledged == 48
    assert boot.damaged == 1
    assert boot.problems() == []


@pytest.mark.parametrize("at", range(3, 60, 7))
def test_a_changed_character_is_never_believed(at):
    good = record(1, "A", "123456 0 0")
    wrong = good[:at] + "#" + good[at + 1 :] if at < len(good) else good[:-1]

    assert only(console(wrong)).acknowledged == 0


def test_a_cut_last_line_is_not_believed_and_does_no_harm():
    text = console(record(1, "A", "16 0 0")) + record(2, "A", "32 0 0")[:-3]

    assert only(text).acknowledged == 16
    assert parse(text).problems() == []


def test_records_that_vanished_without_a_trace_make_the_log_unusable():
    text = console(record(1, "A", "16 0 0"), record(4, "A", "64 0 0"))

    assert parse(text).problems() == ["boot 00000001: records 2 to 3 are missing"]


def test_a_failure_that_was_not_told_makes_the_log_unusable():
    assert "1 requests failed, 0 told" in parse(console(record(1, "A", "9 0 1"))).problems()[0]


def test_repeated_lines_count_once():
    lines = [record(1, "A", "16 0 0"), record(2, "L", "1000 4 5 2 8"), record(3, "A", "32 0 0")]
    boot = only(console(*lines, *lines[1:], record(4, "L", "2000 4 6 2 9")))

    assert [second.longest_us for second in boot.latencies] == [5, 6]
    assert boot.problems() == []


def test_a_header_seen_only_when_repeated_is_enough():
    text = "\n".join(["noise", record(30, "A", "99 0 0"), record(31, "H", HEADER)])

    assert only(text).header.epoch == 0x1000000FF
    assert parse(text).problems() == []


def test_boots_are_told_apart_and_may_share_a_file():
    other = HEADER.replace("00000001000000ff", "0000000200000000").replace(
        "found=zero", "found=00000001000000ff:18"
    )
    text = console(record(1, "A", "16 0 0")) + "\n".join(
        [record(0, "H", other, "00000002"), record(1, "A", "4 0 0", "00000002")]
    )
    boots = parse(text)

    assert [boot.acknowledged for boot in boots.boots] == [16, 4]
    assert boots.last.header.found == "00000001000000ff:18"
    assert boots.problems() == []


def at(second, fraction="000000000"):
    return f"2026-03-04T05:06:{second:02d}.{fraction}Z "


def moment(second):
    return datetime(2026, 3, 4, 5, 6, second, tzinfo=UTC)


def stamped():
    rows = [(10, 500), (11, 600), (12, 90000), (13, 700), (20, 800), (21, 400)]
    lines = [at(9) + record(0, "H", HEADER)]
    lines += [
        at(second, "123456789") + record(number, "L", f"{second * 1000} 400 {longest} 2 {longest}")
        for number, (second, longest) in enumerate(rows, start=1)
    ]
    return parse("\n".join(lines))


def test_time_stamps_of_kubectl_line_latencies_up_with_the_cluster():
    boots = stamped()

    assert next(boots.latencies()).arrived == datetime(2026, 3, 4, 5, 6, 10, 123456, tzinfo=UTC)
    assert boots.longest_us(moment(10), moment(11)) == 600
    assert boots.longest_us(moment(11), moment(12)) == 90000
    assert boots.longest_us(moment(13), moment(19)) == 800
    assert boots.longest_us(moment(30), moment(40)) is None


def test_the_mean_is_that_of_the_seconds_that_are_wholly_inside():
    boots = stamped()

    assert boots.mean_write_us(moment(10), moment(12)) == 300
    assert boots.mean_write_us(moment(10), moment(14)) == (600 + 90000 + 700) / 6
    assert boots.mean_write_us(moment(13), moment(14)) is None


def test_a_silence_is_seen_even_if_the_guests_clock_stood_still():
    boots = stamped()

    assert boots.longest_silence(moment(9), moment(22)) == pytest.approx(7)
    assert boots.longest_silence(moment(30), moment(40)) is None


def test_no_records_at_all():
    assert parse("").problems() == ["no records"]
