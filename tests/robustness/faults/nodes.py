"""Kubernetes' own processes are killed, and nodes lose their power or their time."""

from harness.install import NAMESPACE
from robustness.faults.fault import Fault
from robustness.scene import Scene

PLANE = "control-plane"
UNLOGGED = 2000
"""What a guest was told in its last seconds is in no log; it may be on the disk."""


class KillKubelet(Fault):
    """On the guest's node; its supervisor starts it again."""

    slack = UNLOGGED

    def inject(self, scene: Scene) -> None:
        scene.on_node(scene.node, "pkill", "-KILL", "-x", "kubelet")


class KillOnPlane(Fault):
    """A program of the control plane; its supervisor starts it again."""

    slack = UNLOGGED

    def __init__(self, program: str) -> None:
        # The kernel keeps fifteen characters of a program's name.
        self._name = program[:15]

    def inject(self, scene: Scene) -> None:
        scene.on_node(PLANE, "pkill", "-KILL", "-x", self._name)


class PowerLoss(Fault):
    """Every process of the guest's node is gone at once; the node is back after a while."""

    seconds = 20
    ends_guest = True
    slack = UNLOGGED

    def __init__(self) -> None:
        self._off = ""

    def inject(self, scene: Scene) -> None:
        scene.target.provider.power_off(scene.node)
        self._off = scene.node

    def undo(self, scene: Scene) -> None:
        if not self._off:
            return
        scene.target.provider.power_on(self._off)
        self._off = ""
        words = ("daemonset/detour-node-agent", "-n", NAMESPACE, "--timeout=300s")
        scene.kube.run("rollout", "status", *words, timeout=320)


class Clock(Fault):
    """The wall clock of the guest's node jumps; 'date' puts it back the same way."""

    seconds = 30

    def __init__(self, hours: int) -> None:
        self._hours = hours
        self._is_off = False

    def inject(self, scene: Scene) -> None:
        self._step(scene, self._hours)
        self._is_off = True

    def undo(self, scene: Scene) -> None:
        if self._is_off:
            self._step(scene, -self._hours)
        self._is_off = False

    def _step(self, scene: Scene, hours: int) -> None:
        now = float(scene.on_node(scene.node, "date", "+%s.%N"))
        scene.on_node(scene.node, "date", "--set", f"@{now + hours * 3600:.3f}")
