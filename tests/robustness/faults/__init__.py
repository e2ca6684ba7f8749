"""The faults, by name: what each does, where it can be done, and to which moves."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import partial

from cluster.process import CommandError
from cluster.provider import UnsupportedError
from harness.cluster import Target
from harness.libvirt_killed import MOMENTS
from robustness.faults import api, machines, nodes, processes, storage, users
from robustness.faults.fault import Fault
from robustness.plan import AMID, CANCEL, CRASH, DIE, FULL, Kind
from robustness.scene import AGENT, COPIER, HOLDER, OPERATOR

EVERY = frozenset(Kind)
LIVING = EVERY - {Kind.OFFLINE}
"""Moves of a guest that runs."""
UNBROKEN = frozenset({Kind.LIVE, Kind.CANCEL})

NODES, PLANE, NETWORK, POWER, CLOCK, POINTS, VOLUMES = (
    "to run commands on a node",
    "the processes of the control plane",
    "iptables on a node",
    "to take a node's power away",
    "a node with a clock of its own",
    "fail points",
    "volumes with file systems of their own",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """How a fault is made, which moves it is for, and what it needs of a cluster."""

    make: Callable[[], Fault]
    kinds: frozenset[Kind] = EVERY
    needs: frozenset[str] = frozenset()


def _entries() -> Mapping[str, Entry]:
    found = {}
    for who in (OPERATOR, AGENT, COPIER, HOLDER):
        kinds = EVERY if who in (OPERATOR, COPIER) else LIVING
        found[f"kill {who}"] = Entry(partial(processes.Kill, who), kinds, frozenset({NODES}))
        found[f"stop {who}"] = Entry(partial(processes.Hold, who), kinds, frozenset({NODES}))
        found[f"delete the pod of {who}"] = Entry(partial(processes.DeletePods, who), kinds)
    for who in (OPERATOR, AGENT):
        found[f"cut {who} off"] = Entry(
            partial(api.CutOff, who), EVERY if who == OPERATOR else LIVING, frozenset({NETWORK})
        )
    for program in ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler"):
        found[f"kill {program}"] = Entry(
            partial(nodes.KillOnPlane, program), EVERY, frozenset({PLANE})
        )
    for name in FULL:
        found[name] = Entry(partial(storage.Full, name), EVERY, frozenset({NODES, VOLUMES}))
    for moment in MOMENTS:
        found[f"{AMID}{moment}"] = Entry(partial(machines.KillLibvirtAmid, moment), UNBROKEN)
    found |= {
        CRASH: Entry(machines.KillQemu, frozenset({Kind.STOPPED})),
        "stop qemu": Entry(partial(machines.Hold, machines.QEMU), UNBROKEN),
        "kill libvirt": Entry(machines.KillLibvirt, LIVING),
        "stop libvirt": Entry(partial(machines.Hold, machines.LIBVIRT), LIVING),
        "kill kubelet": Entry(nodes.KillKubelet, EVERY, frozenset({NODES})),
        "node power loss": Entry(nodes.PowerLoss, LIVING, frozenset({POWER})),
        "clock an hour ahead": Entry(partial(nodes.Clock, 1), EVERY, frozenset({CLOCK})),
        "clock an hour back": Entry(partial(nodes.Clock, -1), EVERY, frozenset({CLOCK})),
        CANCEL: Entry(users.Cancel),
        "user: delete": Entry(users.Delete),
        "user: delete the switch": Entry(users.DeleteSwitch),
        "user: apply again": Entry(users.ApplyAgain),
        "user: hold for a while": Entry(users.HoldAWhile),
        DIE: Entry(processes.Die, EVERY, frozenset({POINTS})),
    }
    return found


FAULTS = _entries()


def possible(can: frozenset[str]) -> dict[str, frozenset[Kind]]:
    """The faults that the cluster can do, with the moves they are for."""
    return {name: entry.kinds for name, entry in FAULTS.items() if entry.needs <= can}


def abilities(target: Target) -> frozenset[str]:
    """What the cluster can do, found by trying."""
    node, provider = target.nodes[0], target.provider
    power = provider.name != "existing" or os.environ.get("POWER_OFF")
    tried = {
        NODES: (node, "true"),
        NETWORK: (node, "iptables", "-w", "-S", "FORWARD"),
        PLANE: ("control-plane", "pgrep", "-x", "etcd"),
    }
    found = {name for name, command in tried.items() if _answers(target, *command)}
    if NODES in found:
        found.add(POINTS)
        # The clock of any other provider's nodes is this machine's.
        found |= {CLOCK} if provider.name == "existing" else set()
    found |= {POWER} if power else set()
    found |= {VOLUMES} if provider.classes.csi and provider.classes.ours else set()
    return frozenset(found)


def _answers(target: Target, node: str, *command: str) -> bool:
    try:
        return target.provider.node_exec(node, command, check=False).returncode == 0
    except (UnsupportedError, LookupError, CommandError, OSError):
        return False
