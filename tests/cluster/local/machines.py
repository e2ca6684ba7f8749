"""Starts and kills a machine: a process that is pid 1 of its own namespaces."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cluster import paths
from cluster.local import layout
from cluster.local.programs import Programs
from cluster.process import run, wait_until

SOURCES = Path(__file__).parent


def write_programs(machine: str, programs: Programs, logs: str) -> None:
    """Writes what a machine's first process starts.

    Args:
        machine: The machine's name.
        programs: Command lines by name.
        logs: The start of each log's path, as the machine sees it.
    """
    supervise = SOURCES / "supervise.sh"
    lines = [
        shlex.join(["sh", str(supervise), f"{logs}{name}.log", *argv]) + " &\n"
        for name, argv in programs.items()
    ]
    (layout.folder(machine) / "programs.sh").write_text("".join(lines))


def start(machine: str, script: str, arguments: Sequence[str], *, network: bool) -> int:
    """Starts a machine and writes down which process it is.

    Args:
        machine: Its name.
        script: The shell script in this folder that is its first process.
        arguments: The script's arguments.
        network: Whether it has a network of its own.

    Returns:
        Its first process, as the host counts.
    """
    record, log = _record(machine), layout.state() / "logs" / f"{machine}.log"
    note = record.with_suffix(".pid")
    note.unlink(missing_ok=True)
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--uts"]
    unshare += ["--propagation=private", *(["--net"] if network else [])]
    # A child of nobody: it must outlive the command that started it.
    noting = ["setsid", "--fork", "sh", "-c", 'echo $$ >"$0"; exec "$@"', str(note)]
    with log.open("ab") as output:
        subprocess.run(
            [*noting, *unshare, "sh", SOURCES / script, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
        )
    wait_until(lambda: _child(note) is not None, f"the first process of {machine}", 30)
    pid = _child(note)
    assert pid is not None
    record.write_text(json.dumps({"pid": pid, "started": _started(pid)}) + "\n")
    return pid


def running(machine: str) -> int | None:
    """A machine's first process, as the host counts, or None when it has no power."""
    record = _record(machine)
    if not record.exists():
        return None
    known = json.loads(record.read_text())
    return known["pid"] if _started(known["pid"]) == known["started"] else None


def kill(machine: str) -> None:
    """Kills all processes of a machine at once, and waits until there are none."""
    pid = running(machine)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: running(machine) is None, f"the end of {machine}", 120)
    _record(machine).unlink(missing_ok=True)


def execute(
    machine: str,
    argv: Sequence[str],
    *,
    check: bool = True,
    timeout: float | None = None,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program inside a machine.

    Raises:
        LookupError: The machine has no power.
        CommandError: The program failed, and `check` was asked for.
    """
    return run(
        [*enter(machine), *argv], check=check, timeout=timeout, stdin=stdin, env=environment()
    )


def enter(machine: str) -> list[str]:
    """The words before a command that put it inside a machine.

    Raises:
        LookupError: The machine has no power.
    """
    pid = running(machine)
    if pid is None:
        raise LookupError(f"{machine} is not running")
    spaces = ["--mount", "--pid", "--net", "--uts"]
    return ["nsenter", f"--target={pid}", *spaces, "--wd=/", "--"]


def environment() -> dict[str, str]:
    """The environment of a command inside a machine."""
    path = os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    return {**os.environ, "PATH": f"{layout.NODE_BINARIES}:{paths.binaries()}:{path}"}


def _record(machine: str) -> Path:
    return layout.folder(machine) / "process.json"


def _child(note: Path) -> int | None:
    """The child of the process that a note names, or None while there is none."""
    try:
        parent = note.read_text().strip()
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(children[0]) if children else None


def _started(pid: int) -> str | None:
    """When a process was started, in the kernel's ticks; None when it is dead.

    Together with the pid it names a process for as long as the machine runs.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]
