"""`python -m kubevirt install|uninstall --kubeconfig PATH`: puts it in a cluster, or out."""

import argparse

from .install import install, uninstall
from .kube import from_kubeconfig


def main() -> None:
    """Reads the command line and does what it says."""
    parser = argparse.ArgumentParser(prog="python -m kubevirt")
    parser.add_argument("command", choices=("install", "uninstall"))
    parser.add_argument("--kubeconfig", required=True)
    arguments = parser.parse_args()
    kube = from_kubeconfig(arguments.kubeconfig)
    {"install": install, "uninstall": uninstall}[arguments.command](kube)


if __name__ == "__main__":
    main()
