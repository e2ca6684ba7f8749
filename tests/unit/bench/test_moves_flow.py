"""In which order the moves of a disk come, without a cluster: what touches one is replaced."""

import types

import pytest

from bench import guests, moves
from bench.moving import HOST_ASSISTED, Move, NotMovedError
from guest.log import Boots

RATE = 50 << 20
MOMENTS = {
    "applied": 0,
    "SourceFrozen": 1,
    "copier pod runs": 2,
    "copier pod ended": 12,
    "SourceReleased": 14,
    "Succeeded": 15,
}


class Guest:
    """A machine that is asked for little."""

    def __init__(self, kube, namespace, name):
        self.name, self.namespace = name, namespace
        self.log = types.SimpleNamespace(boots=Boots, stop=lambda: None)
        self.made = []
        made.append(self)

    def create(self, storage_class, size, **options):
        self.made = [storage_class, size, options["memory"]]

    def wait_until_running(self):
        pass

    def stop(self):
        pass

    def claim(self):
        return "claim"

    def verify(self, claim):
        verified.append(self.name)
        return types.SimpleNamespace(passed=True)


made, verified, moved = [], [], []


@pytest.fixture
def bench(monkeypatch):
    """Runs the part with classes and sizes; some methods cannot be had."""
    for noted in (made, verified, moved):
        noted.clear()

    def run(csi, sizes, unable=()):
        def move(target, machine, method, there, limit=None):
            if method in unable:
                raise NotMovedError("refused")
            moved.append((machine.name, method, there, limit))
            return Move(method, 10 * RATE, MOMENTS)

        classes = types.SimpleNamespace(csi=csi)
        kube = types.SimpleNamespace(apply=lambda *_: None)
        target = types.SimpleNamespace(
            kube=kube,
            provider=types.SimpleNamespace(classes=classes),
            source_class="slow",
            destination_class="fast",
        )
        monkeypatch.setenv("BENCH_SIZES", sizes)
        monkeypatch.setattr(moves.cluster, "current", lambda: target)
        monkeypatch.setattr(moves.cluster, "remove_namespace", lambda *_: None)
        for name in ("fresh_namespace", "wait_until_filled", "chill"):
            monkeypatch.setattr(guests, name, lambda *_: None)
        monkeypatch.setattr(moves, "Machine", Guest)
        monkeypatch.setattr(moves, "move", move)
        monkeypatch.setattr(moves.block_copy, "full", lambda *_: 26)
        return moves.measure()

    return run


def test_a_disk_goes_to_and_fro_and_the_largest_once_more_with_half_the_bandwidth(bench):
    part = bench(("csi", "csi-second"), "8Gi,512Mi")
    small, large = "bench-512mi", "bench-8gi"
    assert [guest.made for guest in made] == [["csi", "512Mi", "164Mi"], ["csi", "8Gi", "224Mi"]]
    assert moved == [
        (small, HOST_ASSISTED, "csi-second", None),
        (small, "VolumeSnapshot", "csi", None),
        (small, "CSIClone", "csi-second", None),
        (large, HOST_ASSISTED, "csi-second", None),
        (large, "VolumeSnapshot", "csi", None),
        (large, "CSIClone", "csi-second", None),
        (large, HOST_ASSISTED, "csi", RATE // 2),
    ]
    assert verified == [small]
    assert part.records[0].name == "copy and merge, HostAssisted, 8Gi"
    assert part.records[0].value == 0.5
    assert part.passed


def test_a_method_that_cannot_be_had_is_told_and_the_disk_stays(bench):
    part = bench(("csi", "csi-second"), "512Mi", unable=["VolumeSnapshot"])
    assert [(method, there) for _, method, there, _ in moved] == [
        (HOST_ASSISTED, "csi-second"),
        ("CSIClone", "csi"),
        (HOST_ASSISTED, "csi-second"),
    ]
    assert "512Mi, VolumeSnapshot: not measured: refused" in part.conditions


def test_without_a_driver_the_host_copies_alone(bench):
    part = bench(None, "512Mi")
    assert {method for _, method, _, _ in moved} == {HOST_ASSISTED}
    assert made[0].made[0] == "slow"
    missing = [line for line in part.conditions if "there is no driver" in line]
    assert len(missing) == 2
