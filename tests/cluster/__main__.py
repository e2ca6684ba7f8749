"""The command `python -m cluster`: makes a cluster to test in, and the images it runs."""

import argparse
import sys

from cluster import choice, image_specs, images, tools
from cluster.local import leftovers
from cluster.process import CommandError
from cluster.provider import UnsupportedError


def main() -> int:
    """Runs one command and returns the code to exit with."""
    arguments = _parser().parse_args()
    try:
        return COMMANDS[arguments.command](arguments)
    except (
        CommandError,
        LookupError,
        TimeoutError,
        UnsupportedError,
        image_specs.MissingInputError,
        image_specs.UnknownImageError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _tools(arguments: argparse.Namespace) -> int:
    tools.ensure(*(arguments.names or ("kubectl", "helm", "actionlint", "helm-docs")))
    return 0


def _up(_: argparse.Namespace) -> int:
    provider = choice.provider()
    provider.create()
    print(f"{provider.name} cluster with {', '.join(provider.nodes())}: {provider.kubeconfig()}")
    return 0


def _down(_: argparse.Namespace) -> int:
    choice.provider().destroy()
    return 0


def _load(arguments: argparse.Namespace) -> int:
    provider = choice.provider()
    for name in arguments.names:
        provider.load_image(images.archive(name))
    return 0


def _kubeconfig(_: argparse.Namespace) -> int:
    print(choice.provider().kubeconfig())
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    done = choice.provider().node_exec(arguments.node, arguments.argv, check=False, timeout=None)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def _images(arguments: argparse.Namespace) -> int:
    for name in arguments.names or image_specs.load():
        print(images.archive(name), flush=True)
    return 0


def _power(arguments: argparse.Namespace) -> int:
    provider = choice.provider()
    change = provider.power_off if arguments.command == "power-off" else provider.power_on
    change(arguments.node)
    return 0


def _check_clean(_: argparse.Namespace) -> int:
    found = leftovers.find()
    for line in found:
        print(line)
    return 1 if found else 0


def _status(_: argparse.Namespace) -> int:
    from cluster.kubectl import Kubectl

    provider = choice.provider()
    kubectl = Kubectl(provider.kubeconfig())
    healthy = provider.kubeconfig().exists() and kubectl.answers()
    ready = kubectl.ready_nodes() if healthy else set()
    print(f"{provider.name}: the API server {'answers' if healthy else 'does not answer'}")
    for node in provider.nodes() if healthy else ():
        print(f"{node}: {'Ready' if node in ready else 'not Ready'}")
    return 0 if healthy and ready else 1


COMMANDS = {
    "tools": _tools,
    "up": _up,
    "down": _down,
    "load": _load,
    "kubeconfig": _kubeconfig,
    "exec": _exec,
    "images": _images,
    "power-off": _power,
    "power-on": _power,
    "check-clean": _check_clean,
    "status": _status,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    programs = commands.add_parser("tools", help="build programs, by default those of make lint")
    programs.add_argument("names", nargs="*", metavar="NAME", help="as kubectl")
    commands.add_parser("up", help="make the cluster, or start what is missing of it")
    commands.add_parser("down", help="take it away")
    load = commands.add_parser("load", help="build images and put them on the nodes")
    load.add_argument("names", nargs="+", metavar="NAME", help="an image of images.toml")
    commands.add_parser("kubeconfig", help="print the path of the administrator's kubeconfig")
    execute = commands.add_parser("exec", help="run a program on a node: exec NODE -- CMD...")
    execute.add_argument("node", metavar="NODE")
    execute.add_argument("argv", nargs="+", metavar="CMD")
    build = commands.add_parser("images", help="build images, all by default; print the archives")
    build.add_argument("names", nargs="*", metavar="NAME")
    for word, help_text in (("off", "kill all of a node at once"), ("on", "start it again")):
        power = commands.add_parser(f"power-{word}", help=help_text)
        power.add_argument("node", metavar="NODE", help="a node, or control-plane")
    commands.add_parser("check-clean", help="list what the local cluster has on this machine")
    commands.add_parser("status", help="say whether the cluster works")
    return parser


if __name__ == "__main__":
    sys.exit(main())
