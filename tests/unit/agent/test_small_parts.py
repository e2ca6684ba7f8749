"""Settings, logs, reports, error translation and the overlay's command line."""

import contextlib
import errno
import json
import logging
import os
from pathlib import Path

import pytest

from detour_agent import logs
from detour_agent.adapters.images import OverlayFiles, create_command, label
from detour_agent.adapters.libvirt_errors import translate
from detour_agent.domain.chain import JobInfo
from detour_agent.domain.ports import OverlayImage
from detour_agent.domain.situation import Job, Libvirt, Seen, Wanted
from detour_agent.domain.status import Facts, node_status, reached
from detour_agent.domain.step import Action, Step
from detour_agent.errors import NotYet, StepFailed, Unreachable
from detour_agent.publishing import COUNTER_SECONDS, Publisher
from detour_agent.settings import Settings, from_environment
from detour_crds.attachment_switch import (
    Merge,
    Node,
    Order,
    OverlayFile,
    Qemu,
    Stage,
    Top,
)
from detour_crds.volume_migration import Pauses


def test_settings():
    assert from_environment({"DETOUR_NODE_NAME": "n"}) == Settings(
        node_name="n", state_dir=Path("/var/lib/detour"), log_format="json"
    )


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"DETOUR_NODE_NAME": "n", "DETOUR_STATE_DIR": "relative"},
        {"DETOUR_NODE_NAME": "n", "DETOUR_LOG_FORMAT": "xml"},
    ],
)
def test_settings_that_make_no_sense(environment):
    with pytest.raises(ValueError, match="DETOUR_"):
        from_environment(environment)


def test_logs_say_what_a_line_is_about():
    record = logging.makeLogRecord({"msg": "pivot", "switch": "ns/m", "stage": "pivot"})
    line = json.loads(logs.JsonFormatter().format(record))
    assert (line["message"], line["switch"], line["stage"]) == ("pivot", "ns/m", "pivot")
    assert logs.TextFormatter("%(message)s").format(record) == "pivot switch=ns/m stage=pivot"


def overlay_bytes(count: int) -> Node:
    return Node(overlay=OverlayFile(name="o", bytes=count), merge=Merge(bytes_done=count))


def test_counters_alone_are_written_seldom():
    publisher = Publisher()
    publisher.written(100.0)
    assert not publisher.is_due(overlay_bytes(1), overlay_bytes(2), 101.0)
    assert publisher.is_due(overlay_bytes(1), overlay_bytes(2), 100.0 + COUNTER_SECONDS)


def test_what_is_new_is_written_at_once():
    publisher = Publisher()
    publisher.written(100.0)
    before, after = overlay_bytes(1), Node(reached=Order.OVERLAY)
    assert publisher.is_due(before, after, 100.0)
    assert not publisher.is_due(after, after, 1000.0)


class LibvirtError(Exception):
    def __init__(self, code: int, domain: int = 10, message: str = "no") -> None:
        self.code, self.domain, self.message = code, domain, message

    def get_error_code(self) -> int:
        return self.code

    def get_error_domain(self) -> int:
        return self.domain

    def get_error_message(self) -> str:
        return self.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LibvirtError(8), NotYet),
        (LibvirtError(83), NotYet),
        (LibvirtError(38), Unreachable),
        (LibvirtError(1, domain=7), Unreachable),
        (LibvirtError(1, message="internal error: client socket is closed"), Unreachable),
        (LibvirtError(42), Unreachable),
        (LibvirtError(68), Unreachable),
        (LibvirtError(1), StepFailed),
        (LibvirtError(67), StepFailed),
    ],
)
def test_libvirt_errors(error, kind):
    assert type(translate(error, "PivotFailed")) is kind


def test_overlay_command():
    spec = OverlayImage(backing="/var/run/a/disk.img", virtual_size_bytes=4096)
    assert " ".join(create_command(Path("/o"), spec)) == (
        "qemu-img create -q -u -f qcow2 -o extended_l2=on,cluster_size=128k,nocow=on"
        " -b /var/run/a/disk.img -F raw /o 4096"
    )


@pytest.mark.parametrize(("number", "raised"), [(errno.EOPNOTSUPP, False), (errno.EPERM, True)])
def test_a_mount_with_one_label_for_all_is_left_as_it_is(tmp_path, monkeypatch, number, raised):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(OSError) if raised else contextlib.nullcontext():  # noqa: PT011
        label(tmp_path, "s0:c1,c2")


def test_overlays_that_are_there_are_never_made_again(tmp_path: Path):
    files = OverlayFiles(tmp_path)
    folder = files.folder("u")
    folder.mkdir(parents=True)
    (folder / "overlay-u-1-1.qcow2").write_text("the guest's writes")
    (folder / ".overlay-u-1-2.qcow2.part").touch()
    files.create("u", "overlay-u-1-1.qcow2", OverlayImage("/b", 1))
    assert (folder / "overlay-u-1-1.qcow2").read_text() == "the guest's writes"
    assert files.found("u") == ("overlay-u-1-1.qcow2",)
    files.remove("u", files.found("u"))
    files.remove("u", ("overlay-u-1-1.qcow2",))
    assert list(folder.iterdir()) == []


OV, D, S = Top.OVERLAY, Top.DESTINATION, Top.SOURCE


@pytest.mark.parametrize(
    ("seen", "row", "before", "expected"),
    [
        (Seen(top=OV, stage=Stage.START), "L5", Order.NONE, Order.NONE),
        (Seen(top=OV, stage=Stage.OVERLAY), "L6", Order.NONE, Order.OVERLAY),
        (Seen(top=OV, stage=Stage.MIRROR), "L9", Order.MIRRORED, Order.OVERLAY),
        (
            Seen(top=OV, stage=Stage.MIRROR, job=Job.MIRROR_READY),
            "L13",
            Order.OVERLAY,
            Order.MIRRORED,
        ),
        (Seen(top=OV, stage=Stage.CANCEL), "C4", Order.OVERLAY, Order.NONE),
        (Seen(top=D, stage=Stage.DONE), "L19", Order.MIRRORED, Order.MIRRORED),
        (
            Seen(top=D, stage=Stage.DONE, source_open=False),
            "L19",
            Order.MIRRORED,
            Order.DESTINATION,
        ),
        (Seen(top=S, stage=Stage.CANCELLED), "C10", Order.NONE, Order.SOURCE),
        (Seen(top=Top.UNKNOWN, stage=Stage.OVERLAY), "U1", Order.OVERLAY, Order.OVERLAY),
        (
            Seen(qemu=Qemu.GONE, top=Top.UNKNOWN, stage=Stage.DONE),
            "D9",
            Order.MIRRORED,
            Order.DESTINATION,
        ),
    ],
)
def test_reached(seen, row, before, expected):
    step = Step(row, Action.REPORT)
    assert reached(Wanted(order=Order.SOURCE), seen, step, before) is expected


FIGURES = Merge(bytes_done=7, bytes_total=9)


@pytest.mark.parametrize(
    ("seen", "job", "before", "expected"),
    [
        pytest.param(
            Seen(top=OV, stage=Stage.MIRROR, job=Job.MIRROR),
            JobInfo(2, done=8, total=10),
            FIGURES,
            Merge(bytes_done=8, bytes_total=10),
            id="under way",
        ),
        pytest.param(
            Seen(top=D, stage=Stage.PIVOT), JobInfo(), FIGURES, FIGURES, id="on the destination"
        ),
        pytest.param(Seen(top=D, stage=Stage.DONE), JobInfo(), FIGURES, FIGURES, id="done"),
        pytest.param(
            Seen(top=OV, stage=Stage.MIRROR), JobInfo(), FIGURES, None, id="the mirror failed"
        ),
        pytest.param(Seen(top=OV, stage=Stage.OVERLAY), JobInfo(), None, None, id="no mirror yet"),
    ],
)
def test_the_figures_of_the_merge_stay_once_it_is_over(seen, job, before, expected):
    facts = Facts(token="t", job=job)  # noqa: S106
    step = Step("any", Action.WAIT)
    node = node_status(Wanted(order=Order.MIRRORED), seen, step, facts, Node(merge=before))
    assert node.merge == expected


def test_what_was_found_stays_in_the_report():
    before = Node(pauses=Pauses(start_milliseconds=7))
    facts = Facts(token="t", pauses=Pauses(pivot_milliseconds=9))  # noqa: S106
    seen = Seen(top=D, stage=Stage.DONE, libvirt=Libvirt.STALE)
    node = node_status(
        Wanted(order=Order.DESTINATION), seen, Step("L20", Action.REST), facts, before
    )
    assert node.pauses == Pauses(start_milliseconds=7, pivot_milliseconds=9)
    assert node.last_error.reason == "LibvirtStale"
