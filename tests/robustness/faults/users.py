"""What users do to a migration in the middle."""

from harness.kube import Object
from robustness.faults.fault import Fault
from robustness.scene import NothingThereError, Scene


def _patch(scene: Scene, spec: Object) -> None:
    if not scene.migration.object():
        raise NothingThereError("the migration is gone")
    name, namespace = scene.migration.name, scene.migration.namespace
    scene.kube.patch("volumemigrations", name, namespace, {"spec": spec})


class Cancel(Fault):
    """By the field for it."""

    ends_move = True

    def inject(self, scene: Scene) -> None:
        _patch(scene, {"cancel": True})


class Delete(Fault):
    """The migration, which cancels it."""

    ends_move = True

    def inject(self, scene: Scene) -> None:
        migration = scene.migration
        words = (migration.name, migration.namespace, "--wait=false")
        scene.kube.delete("volumemigrations", *words)


class DeleteSwitch(Fault):
    """The switch, which cancels as well."""

    ends_move = True

    def inject(self, scene: Scene) -> None:
        migration = scene.migration
        words = (migration.name, migration.namespace, "--wait=false")
        scene.kube.delete("attachmentswitches", *words)


class ApplyAgain(Fault):
    """The manifest, as a GitOps tool does over and over."""

    def inject(self, scene: Scene) -> None:
        if not scene.migration.object():
            raise NothingThereError("the migration is gone")
        scene.kube.apply(scene.manifests[0])


class HoldAWhile(Fault):
    """Not to be switched for now, and then after all."""

    seconds = 8

    def inject(self, scene: Scene) -> None:
        _patch(scene, {"hold": True})

    def undo(self, scene: Scene) -> None:
        if scene.migration.object():
            _patch(scene, {"hold": False})
