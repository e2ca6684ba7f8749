"""Process 1 of the container `compute`: KubeVirt's virt-launcher-monitor.

It starts the launcher, passes signals on and reaps what libvirt leaves behind; so it becomes the
parent of QEMU, which KubeVirt finds among the children of the launcher's parent.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from . import paths


def main() -> int:
    """Runs the launcher until it ends; its exit code becomes the container's."""
    launcher = subprocess.Popen([sys.executable, "-m", "launcher.process", *sys.argv[1:]])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda got, _frame: launcher.send_signal(got))
    code = _reap_until(launcher)
    _kill_the_rest()
    uid = sys.argv[sys.argv.index("--uid") + 1]
    end = Path(paths.serial_log_end(uid))
    if end.parent.is_dir():
        end.touch()
    return code


def _reap_until(launcher: subprocess.Popen) -> int:
    while True:
        try:
            pid, status = os.wait()
        except InterruptedError:
            continue
        if pid == launcher.pid:
            launcher.returncode = os.waitstatus_to_exitcode(status)
            return abs(launcher.returncode)


def _kill_the_rest() -> None:
    """Ends a QEMU that survived its launcher: the pod is over."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in (1, os.getpid()):
            try:
                if (entry / "comm").read_text().startswith("qemu"):
                    os.kill(int(entry.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue


if __name__ == "__main__":
    sys.exit(main())
