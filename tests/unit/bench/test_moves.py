"""Times, steps, ratios and tables of moves; what is seen of them comes as kubectl tells it."""

import datetime
import json

import pytest

from bench import block_copy, findings, steps, watching
from bench.findings import Disk
from bench.moving import QUIET_SECONDS, Move
from bench.steps import Whose
from guest.log import Boot, Boots, Latency
from harness.kube import wait_for

MOMENTS = {
    "applied": 100.0,
    "Accepted": 100.3,
    "claim made": 100.4,
    "holder pod made": 100.5,
    "Locked": 100.5,
    "claim bound": 102.5,
    "holder pod runs": 103.5,
    "reached Overlay": 103.7,
    "SourceFrozen": 104.0,
    "copier job made": 104.1,
    "copier pod made": 104.3,
    "copier pod runs": 105.3,
    "copier pod ended": 115.3,
    "copier pod gone": 115.8,
    "Copied": 116.0,
    "ordered Mirrored": 116.1,
    "reached Mirrored": 118.1,
    "SourceReleased": 118.4,
    "Succeeded": 119.0,
    "holder pod gone": 121.0,
}
TAKEN = {Whose.COPY: 10, Whose.MERGE: 2, Whose.PODS: 2.7, Whose.STORAGE: 2, Whose.DETOUR: 2.3}


def move(method="HostAssisted", faster=1.0, moments=MOMENTS):
    squeezed = {name: 100 + (at - 100) / faster for name, at in moments.items()}
    return Move(method, 1000, squeezed)


def metadata(name="m", **labels):
    return {"name": name, "labels": {f"detour.dev/{key}": value for key, value in labels.items()}}


@pytest.mark.parametrize(("whose", "seconds"), TAKEN.items(), ids=[str(whose) for whose in TAKEN])
def test_each_step_counts_for_who_brings_its_end_about(whose, seconds):
    assert steps.seconds(move().steps, whose) == pytest.approx(seconds)


def test_the_steps_are_all_of_the_time_and_none_beyond():
    found = move().steps
    assert sum(step.seconds for step in found) == pytest.approx(move().whole) == 19
    assert found[-1].until == "Succeeded"
    assert steps.table(found)[2] == "| Accepted | 0.30 | Detour |"


def test_what_is_done_before_the_first_merged_bytes_is_no_merge():
    found = move(moments={**MOMENTS, "merge seen": 116.8}).steps
    assert steps.seconds(found, Whose.MERGE) == pytest.approx(TAKEN[Whose.MERGE] - 0.7)
    assert steps.seconds(found, Whose.DETOUR) == pytest.approx(TAKEN[Whose.DETOUR] + 0.7)


def test_a_look_at_what_the_storage_made_copies_nothing():
    found = move("VolumeSnapshot")
    assert not found.copied_by_us
    assert found.not_bytes() == pytest.approx(17)
    assert found.not_bytes(Whose.PODS) == pytest.approx(12.7)
    assert move().not_bytes() == pytest.approx(7)


def test_conditions_of_the_one_migration_count():
    said = [("Accepted", "True"), ("SourceFrozen", "Unknown"), ("Succeeded", "Unknown")]
    item = {
        "metadata": metadata(),
        "status": {"conditions": [{"type": kind, "status": status} for kind, status in said]},
    }
    assert watching.of_migration(item, "m") == ["applied", "Accepted"]
    assert watching.of_migration(item, "other") == []
    item["status"]["conditions"][-1]["status"] = "False"
    assert watching.of_migration(item, "m")[-1] == watching.FAILED
    item["status"]["conditions"][-1]["status"] = "True"
    assert watching.of_migration(item, "m")[-1] == watching.SUCCEEDED


def test_orders_and_what_was_reached_are_told_apart():
    item = {
        "metadata": metadata(),
        "status": {"compute": {"order": "Mirrored"}, "node": {"reached": "Overlay"}},
    }
    assert watching.of_switch(item, "m") == ["ordered Mirrored", "reached Overlay"]
    assert watching.of_switch({"metadata": metadata()}, "m") == []


@pytest.mark.parametrize(
    ("spec", "status", "last"),
    [
        ({}, {}, "copier pod made"),
        ({"nodeName": "n"}, {"phase": "Pending"}, "copier pod scheduled"),
        ({"nodeName": "n"}, {"phase": "Running"}, "copier pod runs"),
        ({"nodeName": "n"}, {"phase": "Succeeded"}, "copier pod ended"),
    ],
)
def test_a_pod_is_known_by_its_labels(spec, status, last):
    labels = metadata("m-xyz", component="copier", migration="m")
    item = {"metadata": labels, "spec": spec, "status": status}
    assert watching.of_pod(item, "m")[-1] == last
    assert watching.of_pod(item, "other") == []
    assert watching.of_pod({**item, "metadata": metadata("m")}, "m") == []
    gone = {"type": "DELETED", "object": item}
    assert watching.told(gone, watching.of_pod, "m") == ["copier pod gone"]


def test_claims_snapshots_and_jobs():
    claim = {"metadata": metadata(), "status": {"phase": "Pending"}}
    assert watching.of_claim(claim, "m") == ["claim made"]
    claim["status"]["phase"] = "Bound"
    assert watching.of_claim(claim, "m") == ["claim made", "claim bound"]
    snapshot = {"metadata": metadata("s", migration="m"), "status": {"readyToUse": True}}
    assert watching.of_snapshot(snapshot, "m") == ["snapshot made", "snapshot ready"]
    job = {"metadata": metadata("j", migration="m"), "spec": {"suspend": True}}
    assert watching.of_job(job, "m") == ["copier job made"]
    job["spec"]["suspend"] = False
    assert watching.of_job(job, "m") == ["copier job made", "copier job resumed"]


def test_a_watch_notes_what_it_sees_first(tmp_path):
    """A stand-in for kubectl tells of the pods alone, and stays as a watch does."""
    item = {
        "metadata": metadata("m-xyz", component="copier", migration="m"),
        "spec": {"nodeName": "n"},
        "status": {"phase": "Pending"},
    }
    told = [{"type": "ADDED", "object": item}]
    told.append({"type": "MODIFIED", "object": {**item, "status": {"phase": "Succeeded"}}})
    events = tmp_path / "events"
    events.write_text("".join(f"{json.dumps(event)}\n" for event in told) + '{"type": "MOD')
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\n[ "$2" != pods ] || cat {events}\nexec sleep 1000\n')
    kubectl.chmod(0o755)

    class Kube:
        command = (str(kubectl),)

    with watching.Watch(Kube(), "namespace", "m") as watch:
        wait_for("the pod", lambda: "copier pod ended" in watch.moments)
    assert list(watch.moments) == [
        "copier pod made",
        "copier pod scheduled",
        "copier pod runs",
        "copier pod ended",
    ]


def test_the_disk_of_a_volume_is_found_by_its_alias():
    disks = "".join(
        f"<disk><target dev='{device}'/><alias name='ua-{volume}'/></disk>"
        for device, volume in (("sda", "scratch"), ("vda", "data"))
    )
    xml = f"<domain><devices>{disks}</devices></domain>"
    assert block_copy.disk_of(xml, "data") == "vda"
    with pytest.raises(LookupError, match="no disk ua-other"):
        block_copy.disk_of(xml, "other")


def test_a_block_copy_takes_until_its_event():
    event = "event 'block-job' for domain 'x': Block Copy for /disk.img {}\nevents received: 1\n\n"
    printed = f"1795917564.068801909\n{event}1795917577.341970009\n"
    assert block_copy.taken(printed.format("ready")) == pytest.approx(13.273168)
    for wrong in (printed.format("failed"), "1795917564.068801909\n"):
        with pytest.raises(LookupError, match="did not get ready"):
            block_copy.taken(wrong)


def seconds_of(start, count, mean_us, longest_us):
    return [
        Latency(
            0, 100, longest_us, 50, 50 * mean_us,
            datetime.datetime.fromtimestamp(start + number, datetime.UTC),
        )
        for number in range(count)
    ]  # fmt: skip


def boots():
    """Writes of 1 ms before the move and of 2 ms from then on, for a hundred seconds."""
    quiet = seconds_of(100 - QUIET_SECONDS, QUIET_SECONDS, 1000, 3000)
    return Boots([Boot(1, latencies=quiet + seconds_of(100, 100, 2000, 9000))])


def by_name(found):
    return {record.name: record for record in found}


def test_figures_of_two_disks():
    small = Disk("512Mi", (4, 4), [move(faster=4), move("CSIClone", 2)], None, Boots())
    limited = move()
    large = Disk("8Gi", (18, 22), [move(), move("CSIClone", 1)], limited, boots())
    found, notes = findings.records([small, large])
    figures = by_name(found)
    assert notes == []
    host = figures["copy and merge, HostAssisted, 8Gi"]
    assert (host.value, host.goal) == (pytest.approx(14.4 / 20), 0.75)
    assert "14.4 s" in host.how
    assert "20.0 s" in host.how
    clone = figures["copy and merge, CSIClone, 8Gi"]
    assert (clone.value, clone.goal) == (pytest.approx(14.4 / 20), 0.05)
    assert figures["copy and merge, CSIClone, 8Gi over 512Mi"].value == pytest.approx(2)
    whole = figures["apply to Succeeded without copy and merge"]
    assert (whole.value, whole.unit) == (pytest.approx((7 + 7 / 4) / 2), "s")
    assert figures["Detour's own part of it"].value == pytest.approx((2.3 + 2.3 / 4) / 2)
    mean = figures["mean write during a copy with a limit of half the bandwidth"]
    assert (mean.value, mean.goal) == (pytest.approx(2), 1.5)
    longest = figures["longest request during a copy without a limit"]
    assert (longest.value, longest.goal) == (pytest.approx(3), None)


def test_what_was_not_measured_is_not_made_up():
    shared = Disk("512Mi", (4,), [move("reflink")], None, Boots())
    found, notes = findings.records([shared])
    assert [record.name for record in found] == ["copy and merge, reflink, 512Mi"]
    assert notes == []
    silent = Disk("512Mi", (4,), [move()], None, Boots())
    found, notes = findings.records([silent])
    assert "during" not in " ".join(record.name for record in found)
    assert "not measured: the guest logged no whole second" in notes[0]


def test_the_tables_have_every_move_and_the_steps_of_one():
    disks = [Disk("2Gi", (20,), [move(), move("CSIClone")], None, Boots())]
    lines = findings.details(disks)
    assert "| 2Gi | HostAssisted | 20.0 | 14.4 | 19.0 | 2.7 | 2.0 | 2.3 |" in lines
    assert "| 2Gi | CSIClone | 20.0 | 14.4 | 19.0 | 12.7 | 2.0 | 2.3 |" in lines
    assert "| copier pod ended | 10.00 | copy |" in lines
