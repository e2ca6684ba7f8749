"""What is made of the figures of the copier's runs, and how these are taken."""

import os
import signal
import subprocess
import sys

import pytest

from bench import copier, images, timing
from bench.timing import Run
from harness.kube import wait_for


def test_a_copy_counts_against_the_fastest_other_one():
    found = {"cp": Run(4, 1), "nbdcopy": Run(2, 1), copier.OURS: Run(3, 9)}
    record = copier.copy_record("file to file", found)
    assert (record.value, record.reached) == (1.5, False)
    assert "3.00 s over the fastest of `cp` 4.00 s, `nbdcopy` 2.00 s" in record.how


def test_verification_counts_against_both_checksums():
    record = copier.verification_record({copier.OURS: Run(1, 1), "sha256sum": Run(4, 8)})
    assert (record.value, record.reached) == (0.25, True)


def test_processor_time_is_per_gib_and_needs_nbdcopy():
    copied = {"nbdcopy": Run(1, 2), copier.OURS: Run(1, 3)}
    copy, verification = copier.processor_records(4, copied, {copier.OURS: Run(1, 1)})
    assert (copy.value, verification.value) == (1.5, 0.5)
    assert "0.75 s" in copy.how
    assert "0.50 s" in copy.how
    assert copier.processor_records(4, {copier.OURS: Run(1, 1)}, {copier.OURS: Run(1, 1)}) == []


def test_each_round_begins_with_another_and_the_first_runs_do_not_count():
    ran = []

    def contender(name, seconds):
        def run():
            ran.append(name)
            return Run(next(seconds), 1)

        return run

    contenders = {
        "a": contender("a", iter([100, 1, 5, 3])),
        "b": contender("b", iter([100, 2, 2, 9])),
    }
    found = timing.interleaved(contenders, 3)
    assert ran == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert (found["a"].seconds, found["b"].seconds) == (3, 2)
    assert timing.fastest(found) == "b"


def test_a_run_has_the_processor_time_of_its_children_and_its_failure(tmp_path):
    busy = f"{sys.executable} -c 'sum(range(3_000_000))'"
    quiet = timing.run(["sleep", "0.2"], durable=tmp_path)
    assert quiet.seconds >= 0.2
    assert timing.run(["sh", "-c", f"{busy}; true"]).processor > quiet.processor
    with pytest.raises(subprocess.CalledProcessError):
        timing.run(["false"])


@pytest.mark.thorough
def test_a_bench_that_is_told_to_end_ends_what_it_runs(tmp_path):
    """As by `kill`: what it runs must not hold on to a device that is to be taken away."""
    script = """
import signal
from bench import __main__, timing
signal.signal(signal.SIGTERM, __main__._end)
timing.run(["sh", "-c", "echo $$ >made; mv made pid; exec sleep 1000"])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    bench = subprocess.Popen([sys.executable, "-c", script], env=environment, cwd=tmp_path)
    file = tmp_path / "pid"
    wait_for("its child", file.exists)
    bench.terminate()
    assert bench.wait() == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_images_have_the_size_and_the_holes_that_were_asked_for(tmp_path):
    size = 4 * images.MIB + 4096
    full, sparse = tmp_path / "full", tmp_path / "of" / "holes"
    images.make(full, size, holes=False)
    images.make(sparse, size, holes=True)
    assert full.stat().st_size == sparse.stat().st_size == size
    with sparse.open("rb") as file:
        assert os.lseek(file.fileno(), 0, os.SEEK_DATA) == images.MIB
        assert os.lseek(file.fileno(), images.MIB, os.SEEK_HOLE) == 2 * images.MIB
    with full.open("rb") as file:
        assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == size
    images.chill(images.as_file(full))
    images.empty(images.as_file(full))
    assert not full.exists()
