"""The CSI driver by itself: the sanity tests of CSI, and what real drivers do beyond them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import paths, tools
from cluster.process import run, wait_until

pytestmark = pytest.mark.timeout(1800)  # the programs may have to be built first

PRIVATE = ["unshare", "--mount", "--propagation=private"]
"""Whatever is mounted goes with the processes that saw it."""

SYS_RESOURCE = 24
GROWS_IN_USE = "node-expand is called after node-publish"
"""The test for which the kernel wants CAP_SYS_RESOURCE, where the volume has a file system."""


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/storage mounts file systems: it needs root")
    tools.ensure("csi-driver", "csi-sanity")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Path]:
    """The socket of a driver with a pool of its own."""
    socket = tmp_path / "csi.sock"
    words = [
        paths.binaries() / "csi-driver", "-node=sanity", f"-socket={socket}", f"-pool={tmp_path}",
    ]  # fmt: skip
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*PRIVATE, *words], stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(lambda: socket.exists() or process.poll() is not None, "the driver", 120)
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield socket
        finally:
            process.terminate()
            process.wait(60)
    wait_until(lambda: not attached(tmp_path), "the loop devices to go", 60)


def attached(pool: Path) -> list[str]:
    """The loop devices over the pool, which are there as long as those over files in it are."""
    words = ["losetup", "--json", "--output=NAME", f"--associated={pool}/detour-csi-sanity.img"]
    listed = run(words).stdout
    return [device["name"] for device in json.loads(listed or '{"loopdevices":[]}')["loopdevices"]]


def may(capability: int) -> bool:
    """Whether this process has a capability: root may lack some."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (effective,) = (line.split()[1] for line in lines if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> capability & 1)


@pytest.mark.parametrize("access", ["mount", "block"])
def test_sanity(driver: Path, tmp_path: Path, access: str) -> None:
    words = [
        paths.binaries() / "csi-sanity",
        f"--csi.endpoint={driver}",
        f"--csi.testvolumeaccesstype={access}",
        f"--csi.mountdir={tmp_path}/target",
        f"--csi.stagingdir={tmp_path}/staging",
        "--csi.testvolumesize=1073741824",
        "--ginkgo.no-color",
    ]
    if access == "mount" and not may(SYS_RESOURCE):
        words.append(f"--ginkgo.skip={GROWS_IN_USE}")
    done = run(words, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "0 Failed" in done.stdout
    assert " 0 Passed" not in done.stdout


def test_what_real_drivers_do(tmp_path: Path) -> None:
    """The Go tests: snapshots of what is in use, delays, sizes, refusals."""
    program = tmp_path / "tests"
    run(["go", "test", "-c", "-o", program, "."], cwd=tools.CSI_DRIVER)
    done = run([*PRIVATE, program, "-test.v"], check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "--- PASS" in done.stdout
