"""How far the copy is, from what qemu-img prints."""

import json

from detour_copier.progress import Progress


def told(total=1000):
    lines = []
    return Progress(total, lines.append, 0.0), lines


def test_the_last_whole_report_counts():
    progress, lines = told()
    progress.update(b"    (10.00/100%)\r    (25.50/100%)\r    (30.", 1.0)
    assert json.loads(lines[-1]) == {"bytesDone": 255, "bytesTotal": 1000, "bytesPerSecond": 255}


def test_it_is_told_once_a_second_even_if_nothing_is_printed():
    progress, lines = told()
    for now in (1.0, 1.2, 1.9, 2.0, 3.0):
        progress.update(b"", now)
    assert len(lines) == 3


def test_the_rate_is_that_of_the_last_seconds():
    progress, lines = told(total=100_000)
    progress.update(b"(50.00/100%)", 100.0)
    for now in range(101, 111):
        progress.update(b"(50.00/100%)", float(now))
    assert json.loads(lines[-1])["bytesPerSecond"] == 0
    progress.update(b"(51.00/100%)", 111.0)
    assert json.loads(lines[-1])["bytesPerSecond"] == 100


def test_within_a_percent_it_is_what_was_read():
    """One of a large disk takes longer than a copy may stand still."""
    progress, lines = told(total=100_000)
    done = []
    reports = [
        (b"", None), (b"", 400), (b"", 5000), (b"(2.00/100%)", 6000), (b"", 6700), (b"", None),
        (b"(2.50/100%)", 6800), (b"(99.90/100%)", 7000), (b"", 9000),
    ]  # fmt: skip
    for second, (printed, read) in enumerate(reports, start=1):
        progress.update(printed, float(second), read)
        done.append(json.loads(lines[-1])["bytesDone"])
    assert done == [0, 400, 1000, 2000, 2700, 2700, 2700, 99_900, 100_000]


def test_the_end_is_all_of_it():
    progress, lines = told()
    progress.finished(4.0)
    assert json.loads(lines[-1]) == {"bytesDone": 1000, "bytesTotal": 1000, "bytesPerSecond": 250}
