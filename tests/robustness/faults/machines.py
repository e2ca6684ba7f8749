"""What runs the guest is killed or held: QEMU, and libvirt's daemon."""

import subprocess

from harness.libvirt_killed import KILL_WHEN
from robustness.faults.fault import Fault
from robustness.scene import NothingThereError, Scene

QEMU, LIBVIRT = "^/[a-z/]*/qemu", "/(libvirtd|virtqemud) "
"""Their command lines inside the launcher."""


def _signal(scene: Scene, program: str, number: str) -> None:
    if not scene.machine.launcher():
        raise NothingThereError("no launcher now")
    scene.machine.in_launcher("bash", "-c", f"kill -{number} $(pgrep -f '{program}')")


class KillQemu(Fault):
    """The guest ends; KubeVirt makes another instance."""

    ends_guest = True

    def inject(self, scene: Scene) -> None:
        if not scene.machine.launcher():
            raise NothingThereError("no launcher now")
        scene.machine.crash()


class KillLibvirt(Fault):
    """The launcher starts its daemon again."""

    def inject(self, scene: Scene) -> None:
        _signal(scene, LIBVIRT, "KILL")


class Hold(Fault):
    """SIGSTOP: it answers nobody."""

    seconds = 15

    def __init__(self, program: str) -> None:
        self._program = program

    def inject(self, scene: Scene) -> None:
        _signal(scene, self._program, "STOP")

    def undo(self, scene: Scene) -> None:
        if scene.machine.launcher():
            _signal(scene, self._program, "CONT")


class KillLibvirtAmid(Fault):
    """Killed within milliseconds of a moment of the move: waits for that inside the launcher."""

    def __init__(self, moment: str) -> None:
        self._moment = moment
        self._waiting: subprocess.Popen[bytes] | None = None

    def inject(self, scene: Scene) -> None:
        pod = scene.machine.launcher()
        if not pod:
            raise NothingThereError("no launcher now")
        place = ("-n", scene.machine.namespace, pod["metadata"]["name"], "-c", "compute")
        script = ("timeout", "900", "bash", "-c", KILL_WHEN, "bash", self._moment)
        command = [*scene.kube.command, "exec", *place, "--", *script]
        quiet = subprocess.DEVNULL
        self._waiting = subprocess.Popen(command, stdout=quiet, stderr=quiet)

    def undo(self, scene: Scene) -> None:
        if self._waiting is not None:
            self._waiting.kill()
            self._waiting.wait()
