"""Processes of Detour's pods are killed or held, and their pods deleted."""

from harness import processes
from robustness.faults.fault import Fault
from robustness.scene import Scene


def _signal(scene: Scene, who: str, number: str, *, check: bool = True) -> None:
    for pod in scene.pods(who):
        words = processes.command(pod["metadata"]["name"], number)
        scene.on_node(pod["spec"]["nodeName"], *words, check=check)


class Kill(Fault):
    """SIGKILL to all its processes; of the operators only the one that leads."""

    def __init__(self, who: str) -> None:
        self._who = who

    def inject(self, scene: Scene) -> None:
        _signal(scene, self._who, "KILL")


class Hold(Fault):
    """SIGSTOP: longer than an operator's lease, so that two believe to lead when it goes on."""

    seconds = 20

    def __init__(self, who: str) -> None:
        self._who = who
        self._held: list[tuple[str, str]] = []

    def inject(self, scene: Scene) -> None:
        pods = scene.pods(self._who)
        self._held = [(pod["spec"]["nodeName"], pod["metadata"]["name"]) for pod in pods]
        _signal(scene, self._who, "STOP")

    def undo(self, scene: Scene) -> None:
        for node, pod in self._held:
            scene.on_node(node, *processes.command(pod, "CONT"), check=False)
        self._held = []


class DeletePods(Fault):
    """The API forgets them at once, while their processes may still be there."""

    def __init__(self, who: str) -> None:
        self._who = who

    def inject(self, scene: Scene) -> None:
        for pod in scene.pods(self._who):
            meta = pod["metadata"]
            words = ("--grace-period=0", "--force", "--wait=false")
            scene.kube.delete("pods", meta["name"], meta["namespace"], *words)


class Die(Fault):
    """Killed by itself, at a fail point: the point does it."""

    def inject(self, scene: Scene) -> None:
        pass
