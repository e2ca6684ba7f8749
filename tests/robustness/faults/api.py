"""Operator or agent cannot reach the API server."""

from robustness.faults.fault import Fault
from robustness.scene import NothingThereError, Scene


class CutOff(Fault):
    """Nothing passes between the pod's address and anything that is not on its node."""

    seconds = 60

    def __init__(self, who: str) -> None:
        self._who = who
        self._rules: list[tuple[str, list[str]]] = []

    def inject(self, scene: Scene) -> None:
        for pod in scene.pods(self._who):
            address = pod.get("status", {}).get("podIP")
            if not address:
                raise NothingThereError(f"{self._who} has no address")
            for side in ("-s", "-d"):
                rule = [side, str(address), "-j", "DROP"]
                self._rules.append((pod["spec"]["nodeName"], rule))
                scene.on_node(self._rules[-1][0], "iptables", "-w", "-I", "FORWARD", *rule)

    def undo(self, scene: Scene) -> None:
        while self._rules:
            node, rule = self._rules.pop()
            scene.on_node(node, "iptables", "-w", "-D", "FORWARD", *rule, check=False)
