"""One disk of a running domain through libvirt; nothing else imports libvirt.

The daemon is the one in the guest's own launcher, and as little trusted as the guest: what it
answers may be slow, or nonsense.
"""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

import libvirt
import libvirt_qemu

from detour_agent.adapters import monitor_mirror
from detour_agent.adapters.domain_xml import copy_xml, read_disk, snapshot_xml
from detour_agent.adapters.libvirt_errors import translate
from detour_agent.adapters.monitor import NONSENSE, read_monitor
from detour_agent.adapters.serial_calls import SerialCalls
from detour_agent.domain.chain import Disk, JobInfo, Report, heal_job
from detour_agent.domain.ports import CopyTarget
from detour_agent.domain.throttle import Tune, tune
from detour_agent.errors import StepFailed, Unreachable

T = TypeVar("T")

CALL_TIMEOUT_SECONDS = 40.0
"""Above the 30 s for which libvirt itself waits for another caller's job on the domain."""
KEEPALIVE_SECONDS = 5
KEEPALIVE_MISSES = 3
GRANULARITY: Final = 4096
"""Bytes: with the overlay's 4 KiB subclusters the mirror moves what was written and no more
(measured: a sixteenth of the default)."""

MESSAGE_CHARACTERS: Final = 200
LIVE: Final = libvirt.VIR_DOMAIN_AFFECT_LIVE
PAUSED_BY_ERROR: Final = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR)
SNAPSHOT_FLAGS: Final = (
    libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
)
# SYNCHRONOUS_WRITES (libvirt 8.0.0): the mirror converges under any load, and once ready the
# destination holds every acknowledged write.
COPY_FLAGS: Final = (
    libvirt.VIR_DOMAIN_BLOCK_COPY_SHALLOW
    | libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
    | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
    | libvirt.VIR_DOMAIN_BLOCK_COPY_SYNCHRONOUS_WRITES
)


class LibvirtDomain:
    """Implements ``BlockDomain``.

    ``dial`` gives the daemon's URI, good for one connection to be opened.
    """

    def __init__(
        self,
        dial: Callable[[], AbstractContextManager[str]],
        name: str,
        alias: str,
        *,
        release: Callable[[], None] = lambda: None,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
    ) -> None:
        self._dial = dial
        self._name = name
        self._alias = alias
        self._release = release
        self._calls = SerialCalls(f"libvirt-{name}", timeout_seconds)
        self._connection: Any = None

    def report(self) -> Report:
        """The XML first, then QEMU: its answer is the younger one."""
        return self._do("LookFailed", self._report)

    def capacity(self) -> int:
        """Bytes of the disk as the guest sees it."""
        return self._do(
            "LookFailed", lambda domain: int(domain.blockInfo(self._disk(domain).target)[0])
        )

    def snapshot(self, overlay: str) -> None:
        """Divert the writes to an overlay that is there already."""

        def call(domain: Any) -> None:
            domain.snapshotCreateXML(snapshot_xml(self._disk(domain), overlay), SNAPSHOT_FLAGS)

        self._do("StartFailed", call)

    def copy(self, target: CopyTarget) -> None:
        """Begin to merge the overlay onto the destination, every write to both."""

        def call(domain: Any) -> None:
            disk = self._disk(domain)
            parameters = {libvirt.VIR_DOMAIN_BLOCK_COPY_GRANULARITY: GRANULARITY}
            domain.blockCopy(disk.target, copy_xml(disk, target), parameters, COPY_FLAGS)

        self._do("MirrorFailed", call)

    def pivot(self) -> None:
        """Switch to what the running job has made."""
        self._abort("PivotFailed", libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)

    def abort(self) -> None:
        """End the running job and stay on the overlay."""
        self._abort("AbortFailed", 0)

    def commit(self) -> None:
        """Begin to commit the overlay into the source."""

        def call(domain: Any) -> None:
            target = self._disk(domain).target
            domain.blockCommit(target, None, None, 0, libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE)

        self._do("CommitFailed", call)

    def mirror(self, target: CopyTarget, bytes_per_second: int | None) -> None:
        """Have QEMU itself copy the whole disk, every write to both; at most so fast."""

        def call(domain: Any) -> None:
            disk = self._disk(domain)
            monitor = read_monitor(self._alias, self._ask(domain, "query-block"), [], [])
            if monitor is None:
                raise StepFailed("DiskNotFound", f"QEMU has no disk {self._alias}")
            offered = self._ask(domain, "query-commands")
            monitor_mirror.check_offered(item["name"] for item in offered)
            for command in monitor_mirror.begin(disk, monitor.top, target, bytes_per_second):
                self._ask(domain, *command)

        self._do("MirrorFailed", call)

    def mirror_end(self, *, gently: bool) -> None:
        """End that; gently: only once both images are the same, with the guest held back."""
        self._do(
            "MirrorNotEnded",
            lambda domain: self._ask(
                domain, *monitor_mirror.end(self._disk(domain), gently=gently)
            ),
        )

    def monitor_commit(self, top: str, base: str) -> None:
        """Begin the commit in QEMU itself, where libvirt lost sight of the overlay."""

        def call(domain: Any) -> None:
            job = heal_job(self._disk(domain).target)
            arguments = {"job-id": job, "device": top, "base-node": base}
            self._ask(domain, "block-commit", arguments)

        self._do("HealFailed", call)

    def monitor_complete(self) -> None:
        """Switch to what ``monitor_commit`` has made."""

        def call(domain: Any) -> None:
            self._ask(domain, "job-complete", {"id": heal_job(self._disk(domain).target)})

        self._do("HealFailed", call)

    def monitor_delete(self, node: str) -> None:
        """Close a block node that nothing uses any more."""
        self._do(
            "NodeInUse", lambda domain: self._ask(domain, "blockdev-del", {"node-name": node})
        )

    def tune(self) -> Tune:
        """The disk's limits of I/O."""
        return self._do(
            "LookFailed",
            lambda domain: tune(domain.blockIoTune(self._disk(domain).target, LIVE)),
        )

    def set_tune(self, tune: Tune) -> None:
        """Replace the disk's limits of I/O, for as long as the guest runs."""

        def call(domain: Any) -> None:
            values = {limit.name: limit.value for limit in tune}
            domain.setBlockIoTune(self._disk(domain).target, values, LIVE)

        self._do("ThrottleFailed", call)

    def wake(self) -> None:
        """Have a paused guest go on; the write it is paused for is done again."""
        self._do("WakeFailed", lambda domain: domain.resume())

    def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # It may hang as any other call; nobody waits for it.
            threading.Thread(target=_close, args=(connection,), daemon=True).start()
        self._release()

    def _abort(self, reason: str, flags: int) -> None:
        self._do(reason, lambda domain: domain.blockJobAbort(self._disk(domain).target, flags))

    def _do(self, reason: str, function: Callable[[Any], T]) -> T:
        """Look the domain up and do one thing with it, in the helper thread."""

        def call() -> T:
            try:
                return function(self._connected().lookupByName(self._name))
            except libvirt.libvirtError as error:
                raise translate(error, reason) from error
            except NONSENSE as error:
                message = f"{type(error).__name__}: {str(error)[:MESSAGE_CHARACTERS]}"
                raise Unreachable("AnswerUnreadable", message) from error

        try:
            return self._calls.call(call)
        except Unreachable:
            self._connection = None
            raise

    def _connected(self) -> Any:
        if self._connection is None or not self._connection.isAlive():
            with self._dial() as uri:
                connection = libvirt.open(uri)
            connection.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_MISSES)
            self._connection = connection
        return self._connection

    def _disk(self, domain: Any) -> Disk:
        disk = self._find_disk(domain)
        if disk is None:
            raise StepFailed("DiskNotFound", f"the domain has no disk {self._alias}")
        return disk

    def _find_disk(self, domain: Any) -> Disk | None:
        try:
            return read_disk(domain.XMLDesc(0), self._alias)
        except ValueError as error:
            raise Unreachable("XmlUnreadable", str(error)) from error

    def _report(self, domain: Any) -> Report:
        version = int(self._connection.getLibVersion())
        disk = self._find_disk(domain)
        if disk is None:
            return Report(libvirt_version=version, disk=None)
        info = domain.blockJobInfo(disk.target) or {}
        jobs = self._ask(domain, "query-block-jobs")
        nodes = self._ask(domain, "query-named-block-nodes", {"flat": True})
        devices = self._ask(domain, "query-block")
        return Report(
            libvirt_version=version,
            disk=disk,
            job=JobInfo(info.get("type", 0), info.get("cur", 0), info.get("end", 0)),
            monitor=read_monitor(self._alias, devices, nodes, jobs),
            no_space=_no_space(domain, disk.target),
        )

    def _ask(self, domain: Any, command: str, arguments: dict[str, Any] | None = None) -> Any:
        """One QMP command.

        Raises:
            StepFailed: QEMU refused it.
        """
        request: dict[str, Any] = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        answer = json.loads(libvirt_qemu.qemuMonitorCommand(domain, json.dumps(request), 0))
        if "error" in answer:
            raise StepFailed("MonitorRefused", str(answer["error"].get("desc", command)))
        return answer["return"]


def _no_space(domain: Any, target: str) -> bool:
    """Whether the guest is paused for a write of this disk that found no space."""
    if tuple(domain.state()) != PAUSED_BY_ERROR:
        return False
    return bool(domain.diskErrors().get(target) == libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE)


def start_event_loop() -> None:
    """Run libvirt's event loop, without which keepalive does not notice a dead daemon.

    Call it once, before any connection is opened.
    """
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()


def _close(connection: Any) -> None:
    try:
        connection.close()
    except libvirt.libvirtError:
        return
