"""A volume is full."""

from harness.kube import Object
from robustness.faults.fault import Fault
from robustness.scene import NothingThereError, Scene

FILL = """
place=$(findmnt --raw --noheadings --output TARGET | grep "/$1/mount$" | head -n 1)
[ "$place" ] || exit 1
dd if=/dev/zero of="$place/filler" bs=1M 2>/dev/null
sync -f "$place"
echo full
"""
FREE = """
for place in $(findmnt --raw --noheadings --output TARGET | grep "/$1/mount$"); do
    rm -f "$place/filler"
done
"""


class Full(Fault):
    """Somebody else's file takes all the room that a volume's file system has."""

    seconds = 20
    fails_move = True

    def __init__(self, name: str) -> None:
        self._which = name.partition(" ")[0]
        self._volume = ""

    def inject(self, scene: Scene) -> None:
        volume = self._claim(scene).get("spec", {}).get("volumeName")
        if not volume:
            raise NothingThereError(f"there is no {self._which} yet")
        self._volume = str(volume)
        if not scene.on_node(scene.node, "sh", "-uc", FILL, "sh", self._volume, check=False):
            raise NothingThereError(f"the {self._which} is not mounted")

    def undo(self, scene: Scene) -> None:
        if self._volume:
            scene.on_node(scene.node, "sh", "-uc", FREE, "sh", self._volume, check=False)
        self._volume = ""

    def _claim(self, scene: Scene) -> Object:
        namespace = scene.machine.namespace
        if self._which == "overlay":
            selector = "detour.dev/component=overlay"
            claims = scene.kube.list("persistentvolumeclaims", namespace, selector)
            return next(iter(claims), {})
        names = {"destination": scene.migration.name, "source": scene.machine.source}
        return scene.kube.get("pvc", names[self._which], namespace) or {}
