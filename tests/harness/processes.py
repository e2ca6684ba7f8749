"""Signals to all processes of a pod, on its node: its own end of grace is in nobody's way."""

from cluster.provider import Provider
from harness.kube import Object

SIGNAL = """
for process in /proc/[0-9]*; do
    if grep -qsxz "HOSTNAME=$2" "$process/environ"; then
        kill "-$1" "${process#/proc/}" && found=yes
    fi
done
[ "${found:-}" ]
"""
"""Every process of the pod of that name: each container's has it as its host name."""

SIGNAL_CONTAINERS = """
for process in /proc/[0-9]*; do
    if grep -qsE "$2" "$process/cgroup"; then
        kill "-$1" "${process#/proc/}" && found=yes
    fi
done
[ "${found:-}" ]
"""


def command(name: str, signal: str) -> tuple[str, ...]:
    """What has to run on the node of the pod of that name; it fails if there is no process."""
    return ("sh", "-uc", SIGNAL, "sh", signal, name)


def send(provider: Provider, pod: Object, signal: str, *, check: bool = True) -> None:
    """Send a signal (``KILL``, ``STOP``, ``CONT``).

    Raises:
        UnsupportedError: the node cannot be entered.
        CommandError: there is no process of it, and ``check`` was asked for.
    """
    words = command(pod["metadata"]["name"], signal)
    provider.node_exec(pod["spec"]["nodeName"], words, check=check)


def of_containers(pod: Object, signal: str) -> tuple[str, ...]:
    """The same by a pod's containers: KubeVirt calls the host of a launcher as the VM."""
    states = pod["status"]["containerStatuses"]
    identifiers = [state["containerID"].partition("://")[2] for state in states]
    return ("sh", "-uc", SIGNAL_CONTAINERS, "sh", signal, "|".join(identifiers))
