"""KubeVirt's virt-launcher: holds the domain of one VMI and ends with it."""

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path

import libvirt

from . import daemon, migration, paths, server
from .domain import Domain

log = logging.getLogger("virt-launcher")
FINAL_ACKNOWLEDGEMENT = 30.0


class Launcher:
    """The commands virt-handler may send, and the watch over the guest's end."""

    def __init__(self, name: str, grace: float) -> None:
        self.domain = Domain(name)
        self.migration = migration.Migration(self.domain)
        self.grace = grace
        self.final: tuple[str, str] | None = None
        self.released = threading.Event()
        self.terminating = threading.Event()

    def commands(self) -> dict[str, server.Command]:
        """The command table."""
        return {
            "Ping": lambda _: {},
            "SyncVMI": self.sync,
            "GetDomain": self.get_domain,
            "ShutdownVMI": lambda _: self.domain.shut_down() or {},
            "KillVMI": lambda _: self.domain.destroy() or {},
            "DeleteVMI": self.delete,
            "PauseVMI": self.pause,
            "UnpauseVMI": self.unpause,
            **self.migration.commands(),
        }

    def sync(self, request: dict) -> dict:
        """Brings the domain to what the VMI says, unless it has ended."""
        if self.final is None and not self.terminating.is_set():
            self.domain.sync(request["vmi"])
        return {}

    def get_domain(self, _request: dict) -> dict:
        """The domain as virt-handler wants to know it."""
        if self.final:
            state, reason = self.final
            return {"state": state, "reason": reason, "disks": [], "diskErrors": {}}
        state, reason = self.domain.state()
        errors = self.domain.disk_errors() if (state, reason) == ("Paused", "IOError") else {}
        return {
            "state": state,
            "reason": reason,
            "disks": self.domain.disks(),
            "diskErrors": errors,
        }

    def pause(self, _request: dict) -> dict:
        """Suspends the guest and remembers that KubeVirt did it."""
        self.domain.paused_by_kubevirt = True
        self.domain.find().suspend()
        return {}

    def unpause(self, _request: dict) -> dict:
        """Resumes the guest."""
        self.domain.paused_by_kubevirt = False
        self.domain.find().resume()
        return {}

    def delete(self, _request: dict) -> dict:
        """Forgets the domain and lets the launcher end."""
        self.domain.undefine()
        self.released.set()
        return {}

    def watch(self) -> None:
        """Returns when the guest has ended and virt-handler has learnt of it."""
        while not self._ended():
            if self.terminating.is_set() and not self.domain.started:
                return
            time.sleep(0.5)
        log.info("the domain has ended: %s", self.final)
        self.released.wait(FINAL_ACKNOWLEDGEMENT)

    def _ended(self) -> bool:
        """Whether a domain that ran is off; a daemon that does not answer says nothing."""
        try:
            state, reason = self.domain.state()
        except libvirt.libvirtError:
            return False
        if self.domain.started and state in ("Shutoff", "Crashed", ""):
            self.final = (state or "Shutoff", reason or "Unknown")
            return True
        return False

    def terminate(self, *_: object) -> None:
        """The pod is to end: ask the guest, and after its grace period insist."""
        if not self.terminating.is_set():
            self.terminating.set()
            threading.Thread(target=self._terminate, daemon=True).start()

    def _terminate(self) -> None:
        self._quietly(self.domain.shut_down)
        time.sleep(self.grace)
        while self.final is None:
            self._quietly(self.domain.destroy)
            time.sleep(1)

    def _quietly(self, act: object) -> None:
        try:
            act()
        except libvirt.libvirtError as error:
            log.warning("%s", error)


def main() -> int:
    """Runs the launcher."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--uid", required=True)
    parser.add_argument("--grace-period-seconds", type=float, default=30)
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    # libvirt's own handler prints every error to the log, expected ones too.
    libvirt.registerErrorHandler(lambda *_: None, None)
    Path(paths.PRIVATE, arguments.uid).mkdir(parents=True, exist_ok=True)
    daemon.write_configuration()
    daemon.supervise()
    launcher = Launcher(f"{arguments.namespace}_{arguments.name}", arguments.grace_period_seconds)
    signal.signal(signal.SIGTERM, launcher.terminate)
    server.serve(launcher.commands())
    launcher.watch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
