"""The collector neither loses nor doubles a line when `kubectl logs` breaks off.

kubectl is played by a script that serves a folder: cutting connections at will is the point.
"""

import json
import stat
import sys
import zlib

import pytest

from guest.collect import Collector

pytestmark = pytest.mark.thorough

HEADER = (
    "version=1 epoch={epoch:08x}00000000 key=1 sectors=16384 block=4096 fill=50 fill_sectors=8191 "
    "fill_ops=17 largest=512 window=16 pause_us=2000 found={found} rtc=1"
)

KUBECTL = """#!{python}
import json, sys, time
from pathlib import Path

words, folder = sys.argv[1:], Path({folder!r})
pods = json.loads((folder / "pods.json").read_text())
if "logs" in words:
    assert "--container=guest-console-log" in words and "--timestamps" in words
    pod = next((p for p in pods if p["object"]["metadata"]["name"] in words), None)
    if pod is None:
        sys.exit(1)
    since = next((w.split("=", 1)[1][:-1] for w in words if w.startswith("--since-time=")), "")
    lines = [line for line in pod["lines"] if line[: len(since)] >= since]
    if "--follow" in words and pod["object"]["status"]["phase"] == "Running":
        # The connection breaks in the middle of a line, after a few of them.
        sys.stdout.write("\\n".join(lines[:40]) + "\\n" + "".join(lines[40:41])[:9])
        sys.exit(1)
    sys.stdout.write("".join(line + "\\n" for line in lines))
"""


def record(epoch, number, kind, fields):
    text = f"D1 {epoch:08x} {number} {kind} {fields}"
    return f"{text} {zlib.crc32(text.encode()):08x}"


def lines_of(epoch, found, count):
    header = record(epoch, 0, "H", HEADER.format(epoch=epoch, found=found))
    texts = [header, *(record(epoch, n, "A", f"{n} 0 0") for n in range(1, count))]
    return [f"2026-03-04T05:06:{n // 25 % 60:02d}.{n:09d}Z {text}" for n, text in enumerate(texts)]


def pod(name, lines, phase="Running", created="2026-03-04T05:06:00Z"):
    metadata = {"name": name, "uid": f"uid-{name}", "creationTimestamp": created}
    return {"object": {"metadata": metadata, "status": {"phase": phase}}, "lines": lines}


@pytest.fixture
def cluster(tmp_path):
    """Sets what the played kubectl shows."""
    script = tmp_path / "kubectl"
    script.write_text(KUBECTL.format(python=sys.executable, folder=str(tmp_path)))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def show(*pods):
        fresh = tmp_path / "pods.new"
        fresh.write_text(json.dumps(pods))
        fresh.replace(tmp_path / "pods.json")

    def look():
        return [pod["object"] for pod in json.loads((tmp_path / "pods.json").read_text())]

    show()
    show.kubectl = [str(script)]
    show.look = look
    return show


@pytest.fixture
def collector(cluster, tmp_path):
    made = Collector(cluster.kubectl, cluster.look, "default", "vm", tmp_path / "consoles")
    made.start()
    yield made
    made.stop()


def plain(lines):
    return "".join(f"{line}\n" for line in lines)


def test_a_console_cut_many_times_is_complete_and_has_no_line_twice(cluster, collector):
    lines = lines_of(1, "zero", 120)
    cluster(pod("virt-launcher-a", lines))

    boots = collector.wait_for(lambda b: b.last and b.last.acknowledged == 119, timeout=50)

    assert collector.text() == plain(lines)
    assert boots.problems() == []


def test_each_launcher_pod_of_the_vm_is_read(cluster, collector):
    first, second = lines_of(1, "zero", 30), lines_of(2, "0000000100000000:18", 30)
    cluster(pod("virt-launcher-a", first))
    collector.wait_for(lambda b: b.last and b.last.acknowledged == 29, timeout=50)
    cluster(
        pod("virt-launcher-a", first, "Succeeded"),
        pod("virt-launcher-b", second, created="2026-03-04T05:07:00Z"),
    )
    boots = collector.wait_for(
        lambda b: len(b.boots) == 2 and b.boots[1].acknowledged == 29, timeout=50
    )

    assert boots.problems() == []
    assert [path.name for path in collector.files()] == [
        "000-virt-launcher-a.log",
        "001-virt-launcher-b.log",
    ]


def test_what_is_there_at_the_stop_is_still_read(cluster, tmp_path):
    lines = lines_of(1, "zero", 300)
    cluster(pod("virt-launcher-a", lines))
    collector = Collector(cluster.kubectl, cluster.look, "default", "vm", tmp_path / "consoles")
    collector.start()
    collector.wait_for(lambda b: b.last is not None, timeout=50)
    collector.stop()

    assert collector.text() == plain(lines)


def test_waiting_in_vain_shows_the_consoles_end(cluster, collector):
    lines = lines_of(1, "zero", 5)
    cluster(pod("virt-launcher-a", lines))
    collector.wait_for(lambda b: b.last is not None, timeout=50)

    with pytest.raises(TimeoutError, match=r"D1 00000001 4 A 4"):
        collector.wait_for(lambda b: False, timeout=0)
