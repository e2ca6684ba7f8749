"""A volume is full."""

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


class FullDestination(Fault):
    """Somebody else's file takes all the room that the destination's file system has."""

    seconds = 20
    fails_move = True

    def __init__(self) -> None:
        self._volume = ""

    def inject(self, scene: Scene) -> None:
        claim = scene.kube.get("pvc", scene.migration.name, scene.machine.namespace) or {}
        volume = claim.get("spec", {}).get("volumeName")
        if not volume:
            raise NothingThereError("there is no destination yet")
        self._volume = str(volume)
        if not scene.on_node(scene.node, "sh", "-uc", FILL, "sh", self._volume, check=False):
            raise NothingThereError("the destination is not mounted")

    def undo(self, scene: Scene) -> None:
        if self._volume:
            scene.on_node(scene.node, "sh", "-uc", FREE, "sh", self._volume, check=False)
        self._volume = ""
