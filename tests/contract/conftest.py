"""Fixtures: a launcher with a guest, a holder, and the agent's passes over real adapters."""

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DEBIAN_MODULES = "/usr/lib/python3/dist-packages"
"""Where python3-libvirt is: it has to match the C library, so it does not come from PyPI."""
if DEBIAN_MODULES not in sys.path:
    sys.path.append(DEBIAN_MODULES)

NEEDED = ("libvirtd", "qemu-img", "qemu-system-x86_64", "unshare", "nsenter")
missing = [program for program in NEEDED if shutil.which(program) is None]
pytestmark = []
collect_ignore_glob: list[str] = []
if os.geteuid() != 0 or missing:
    raise pytest.UsageError(
        "tests/contract runs real libvirt in a mount namespace: it needs root and the packages"
        " libvirt-daemon-driver-qemu, qemu-system-x86, qemu-utils, python3-libvirt"
        + (f"; not found: {', '.join(missing)}" if missing else "")
    )

from contract.launcher import DOMAIN, VOLUME, Launcher, as_process, holder  # noqa: E402
from detour_agent.adapters.clock import MonotonicClock  # noqa: E402
from detour_agent.adapters.images import OverlayFiles  # noqa: E402
from detour_agent.adapters.journal_files import JournalFiles  # noqa: E402
from detour_agent.adapters.libvirt_domain import LibvirtDomain, start_event_loop  # noqa: E402
from detour_agent.adapters.mounts import NodeMounts  # noqa: E402
from detour_agent.adapters.offline_images import OfflineImages  # noqa: E402
from detour_agent.adapters.places import Places  # noqa: E402
from detour_agent.adapters.processes import NodeProcesses  # noqa: E402
from detour_agent.domain import inspection  # noqa: E402
from detour_agent.domain.ports import Ports, Process  # noqa: E402
from detour_agent.one_pass import Passes  # noqa: E402
from detour_agent.steps.context import Switch  # noqa: E402
from detour_crds.attachment_switch import Compute, Node, ObjectRef, Order  # noqa: E402
from detour_crds.names import IMAGE_NAME, QEMU_UID  # noqa: E402
from detour_crds.serialise import merge_patch, serialise  # noqa: E402
from detour_crds.volume_migration import VolumeMode  # noqa: E402

SIZE = 16 * 1024 * 1024
BEHIND = 3 * 512
"""Bytes that a device destination is larger: no whole MiB, no whole 4 KiB."""


@pytest.fixture(scope="session", autouse=True)
def _event_loop() -> None:
    start_event_loop()


@pytest.fixture(autouse=True)
def _any_libvirt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's libvirt is older than the launchers', and has the storage backend all the same."""
    monkeypatch.setattr(inspection, "OLDEST_LIBVIRT", 0)


@pytest.fixture(autouse=True)
def _modules_of_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's own child process finds the code where this process does."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


class KnownProcesses(NodeProcesses):
    """The processes of this test are in no pod: they are named, and looked at as any other."""

    def __init__(self, guest: Process, held: Process) -> None:
        super().__init__()
        self.guest, self.held = guest, held
        self.finisher: Process | None = None

    def find_guest(self, pod_uid: str, domain: str) -> Process | None:
        return self.guest if self._lives(self.guest) else None

    def find_holder(self, pod_uid: str) -> Process | None:
        return self.held

    def find_finisher(self, pod_uid: str) -> Process | None:
        return self.finisher


class Agent:
    """The agent's passes over one switch, with the order given by the test."""

    def __init__(self, ports: Ports, *, block: bool) -> None:
        self.ports = ports
        self.patches: list[dict] = []
        self.passes = Passes(ports, self)
        self.switch = Switch(
            namespace="ns",
            name="move",
            uid="11112222-3333-4444-5555-666677778888",
            volume=VOLUME,
            virtual_machine="vm",
            compute=Compute(
                token="11112222-1",  # noqa: S106
                attempt=1,
                domain=DOMAIN,
                node="node",
                launcher_pod=ObjectRef(name="launcher", uid="l"),
                holder_pod=ObjectRef(name="holder", uid="h"),
                volume_mode=VolumeMode.BLOCK if block else VolumeMode.FILESYSTEM,
                order=Order.NONE,
            ),
            node=Node(),
        )

    def patch_node(self, switch: Switch, node: Node) -> None:
        self.patches.append(merge_patch(serialise(switch.node), serialise(node)))

    def restart(self) -> None:
        """An agent that remembers nothing but the API and its journal."""
        self.passes = Passes(self.ports, self)

    def order(self, order: Order) -> None:
        compute = dataclasses.replace(self.switch.compute, order=order)
        self.switch = dataclasses.replace(self.switch, compute=compute)

    def once(self) -> Node:
        self.switch, _ = self.passes.run(self.switch)
        return self.switch.node


@dataclasses.dataclass
class Bench:
    """Everything of one test; ``source`` and ``destination`` are the two images themselves."""

    folder: Path
    source: Path
    destination: Path
    launcher: Launcher
    guest: Process
    agent: Agent
    connections: list[LibvirtDomain]


@pytest.fixture
def boot_sector() -> bytes:
    """What the guest boots; nothing, unless a test says otherwise."""
    return b""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The agent's own directory."""
    return tmp_path / "agent"


@contextlib.contextmanager
def loop_device(file: Path, *options: str) -> Iterator[Path]:
    """A block device over a file."""
    command = ["losetup", "--find", "--show", "--direct-io=on", *options, str(file)]
    device = Path(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    )
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@contextlib.contextmanager
def assembled(folder: Path, source: Path, destination: Path, state: Path) -> Iterator[Bench]:
    """A guest on a source, a holder of a destination (directories or devices), and the agent."""
    launcher = Launcher(folder, source)
    with holder(destination) as held:
        try:
            guest = launcher.boot()
            connections: list[LibvirtDomain] = []

            def connect(_process: Process, name: str, volume: str) -> LibvirtDomain:
                if not connections:
                    uri = contextlib.nullcontext(launcher.uri)
                    connections.append(LibvirtDomain(lambda: uri, name, f"ua-{volume}"))
                return connections[0]

            places = Places(state)
            overlays = OverlayFiles(state, places=places)
            ports = Ports(
                journal=JournalFiles(state, places),
                images=overlays,
                offline=OfflineImages(overlays),
                # Where even root may not enter the first process's namespaces, ours are the same.
                mounts=NodeMounts(overlays, init=os.getpid()),
                processes=KnownProcesses(guest, held),
                clock=MonotonicClock(),
                connect=connect,
            )
            agent = Agent(ports, block=launcher.block)
            images = [end if launcher.block else end / IMAGE_NAME for end in (source, destination)]
            yield Bench(folder, *images, launcher, guest, agent, connections)
        finally:
            launcher.end()


def filled(path: Path, size: int, start: bytes = b"") -> Path:
    """A file full of 0x11, but for its start."""
    path.write_bytes(start + b"\x11" * (size - len(start)))
    os.chown(path, QEMU_UID, QEMU_UID)
    return path


@pytest.fixture
def file_bench(tmp_path: Path, state: Path, boot_sector: bytes) -> Iterator[Bench]:
    """A guest on a source full of 0x11, a destination that holds a copy of it, and the agent."""
    source, destination = tmp_path / "source", tmp_path / "destination"
    for folder in (source, destination):
        folder.mkdir()
        filled(folder / IMAGE_NAME, SIZE, boot_sector)
    with assembled(tmp_path, source, destination, state) as made:
        yield made


@pytest.fixture
def block_bench(tmp_path: Path, state: Path, boot_sector: bytes) -> Iterator[Bench]:
    """The same with devices; the destination is larger, which a copy leaves zero."""
    files = [filled(tmp_path / name, SIZE, boot_sector) for name in ("source", "destination")]
    with files[1].open("ab") as file:
        file.truncate(SIZE + BEHIND)
    with (
        loop_device(files[0]) as source,
        loop_device(files[1]) as destination,
        assembled(tmp_path, source, destination, state) as made,
    ):
        yield made


@pytest.fixture(params=["file", "block"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Either."""
    found: Bench = request.getfixturevalue(f"{request.param}_bench")
    return found


__all__ = ["as_process"]
