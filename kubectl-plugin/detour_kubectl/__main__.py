"""``kubectl-detour``, and ``kubectl_complete-detour`` for kubectl's own completion."""

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from detour_kubectl.commands.app import App
    from detour_kubectl.port import Cluster

WITHOUT = "kubectl-detour lacks {name}: install the wheel with its extra `kubectl`, see {page}"
PAGE = "docs/kubectl-detour.md"


def main() -> NoReturn:
    """Run a command.

    The wheel is also that of the images, which have none of what the plugin needs.
    """
    try:
        from detour_kubectl.commands import completing, root  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        sys.stderr.write(WITHOUT.format(name=error.name, page=PAGE) + "\n")
        sys.exit(2)
    root.root.main(prog_name="kubectl detour", complete_var=completing.VARIABLE, obj=_app())


def complete() -> int:
    """Print what could follow the words given."""
    from detour_kubectl.commands import completing, root  # noqa: PLC0415 - as in main

    for line in completing.for_kubectl(root.root, _app(), sys.argv[1:]):
        sys.stdout.write(line + "\n")
    return 0


def _app() -> "App":
    from detour_kubectl.adapters.system_clock import SystemClock  # noqa: PLC0415 - as in main
    from detour_kubectl.commands.app import App  # noqa: PLC0415 - as in main

    return App(connect=_connect, clock=SystemClock())


def _connect(kubeconfig: str | None, context: str | None) -> "tuple[Cluster, str]":
    # The client takes a second to import: `--help` and completion of words need none of it.
    from detour_kubectl.adapters.kubernetes_cluster import connect  # noqa: PLC0415
    from detour_kubectl.commands.app import version  # noqa: PLC0415

    return connect(kubeconfig, context, version=version())


if __name__ == "__main__":
    main()
