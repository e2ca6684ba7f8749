"""docs/kubectl-detour.md shows what is printed: each example is run and compared."""

import json
import pathlib
import re
import shlex

import pytest
from rich.console import Console

from detour_kubectl.commands import app
from detour_kubectl.domain import migrations
from detour_kubectl.domain.stages import stages
from detour_kubectl.port import (
    EVENTS,
    INSTANCES,
    MACHINES,
    MIGRATIONS,
    PLANS,
    PODS,
    SWITCHES,
)
from detour_kubectl.view.progress import block
from unit.kubectl_plugin import healthy, objects
from unit.kubectl_plugin.objects import MIB

PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "kubectl-detour.md").read_text()
MOVE = "web-data-to-fast"
HOTPLUGGED = (
    "volume data was hotplugged: KubeVirt would unplug it at the handover; stop the machine, and"
    " it is moved then"
)


def examples():
    """Each command of the page with what stands below it."""
    found = {}
    for text in re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for example in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, printed = example.partition("\n")
            found[command.removeprefix("kubectl detour ")] = printed
    return found


EXAMPLES = examples()
ON_A_TERMINAL = "move web --volume data --to-class fast --watch"
RUN = [command for command in EXAMPLES if command != ON_A_TERMINAL]


class World:
    """What an example needs, by its command."""

    def __init__(self, cluster, clock):
        self.cluster, self.clock = cluster, clock

    def add(self, *items):
        self.cluster.add(MIGRATIONS, *items)

    def answer(self, machine="web", **refusals):
        """The operator answers dry runs, by the volume; the machine runs."""
        passed = objects.summary("True", "DryRunPassed", "all checks passed")
        good = objects.migration(phase="Succeeded", conditions=passed)
        told = {
            volume: objects.refused(reason=reason, message=words)
            for volume, (reason, words) in refusals.items()
        }

        def work():
            for (plural, _, _), item in self.cluster.objects.items():
                if plural == MIGRATIONS.plural and item["spec"].get("dryRun"):
                    item["status"] = told.get(item["spec"]["volume"], good)["status"]
            self.clock.steps.append(work)

        self.clock.steps = [work]
        self.cluster.add(INSTANCES, {"metadata": {"name": machine, "namespace": "vms"}})

    def merging(self):
        item = objects.merging(MOVE)
        self.cluster.add(SWITCHES, objects.switch(MOVE, done=3 * MIB, total=12 * MIB))
        self.add(item)
        return item

    def listed(self):
        old = objects.succeeded("db-data-to-fast", spec={"virtualMachine": {"name": "db"}})
        old["metadata"]["creationTimestamp"] = "2026-01-01T07:00:00Z"
        self.add(objects.copying(MOVE), old)

    def watched(self):
        self.add(objects.copying(MOVE))
        self.clock.steps = [self.merging, lambda: self.add(objects.succeeded(MOVE))]

    def overlay(self):
        item = self.merging()
        item["status"]["overlay"] = {"bytes": 12 * MIB, "limitBytes": 5120 * MIB}

    def explained(self):
        name = "old-data-to-fast"
        self.add(objects.refused(name, spec={"virtualMachine": {"name": "old"}}))
        self.cluster.objects[MIGRATIONS.plural, "vms", name]["status"]["sourceClaim"] = "old-data"
        told = "LauncherTooOld: its libvirt is 9.0"
        self.cluster.add(EVENTS, objects.event("Refused", told, name=name))
        self.cluster.add(PODS, objects.pod("operator-1", "operator"))
        line = {"time": "2026-01-01 10:00:02,000", "level": "INFO", "namespace": "vms"}
        line |= {"object": name, "message": "Starting CreateSwitch"}
        self.cluster.logs = {"operator-1": json.dumps(line)}

    def taken_back(self):
        self.add(objects.copying(MOVE))

        def back():
            told = objects.summary("Unknown", "Cancelling", "the move is being undone")
            self.add(objects.migration(MOVE, "Cancelling", conditions=told))

        self.cluster.patched = back
        self.clock.steps = [lambda: self.add(objects.cancelled(MOVE))]

    def asking(self):
        item = objects.asking(MOVE)
        item["status"]["sourceClaim"] = "web-data"
        self.cluster.add(SWITCHES, objects.switch(MOVE))
        self.add(item)

    def judged(self):
        healthy.make(self.cluster)
        self.cluster.add(MACHINES, objects.machine("web", "root", "data"))
        self.answer(data=("VolumeHotplugged", HOTPLUGGED))

    def planned(self):
        counts = {
            "total": 40, "waiting": 13, "moving": 1, "succeeded": 24, "failed": 1, "refused": 1,
            "skipped": 0,
        }  # fmt: skip
        item = objects.plan(
            message="1 disks are being moved, 13 were not begun yet, 1 are refused",
            disks=(
                "db/data Failed CopyFailed: the destination is full",
                "old/data Refused LauncherTooOld: its libvirt is 9.0",
                "web/data Moving Copying",
                "web/root Waiting NotBegun",
            ),
            counts=counts,
            bytes={"total": 400 << 30, "done": 250 << 30},
            etaSeconds=7500,
        )
        self.cluster.add(PLANS, item)


CREATE = (
    "plan create retire-slow --map slow=fast -l tier=db --window '0 22 * * *' 6h Europe/Vienna"
)
PREPARED = {
    CREATE: lambda world: None,
    "plan status retire-slow": World.planned,
    "status web-to-slow": lambda world: None,
    "move web --volume data --to-class fast --dry-run": World.answer,
    "move old --volume data --to-class fast --dry-run": lambda world: world.answer(
        "old", data=("LauncherTooOld", "its libvirt is 9.0")
    ),
    "list": World.listed,
    "status": World.overlay,
    f"status -w {MOVE}": World.watched,
    "explain old-data-to-fast": World.explained,
    f"cancel {MOVE} --watch": World.taken_back,
    f"continue {MOVE}": lambda world: world.add(objects.holding(MOVE)),
    f"trust {MOVE} Source --yes": World.asking,
    "doctor web": World.judged,
    "version": lambda world: healthy.make(world.cluster),
}


@pytest.mark.parametrize("command", RUN)
def test_each_example_is_what_is_printed(cluster, clock, run, monkeypatch, command):
    monkeypatch.setattr(app, "version", lambda: healthy.VERSION)
    PREPARED[command](World(cluster, clock))
    done = run(*shlex.split(command))
    assert done.stdout + done.stderr == EXAMPLES[command]


def test_each_command_has_an_example_but_completion():
    of = {command.split()[0] for command in EXAMPLES}
    assert of == {
        "move",
        "plan",
        "list",
        "status",
        "explain",
        "cancel",
        "continue",
        "trust",
        "doctor",
        "version",
    }
    assert set(PREPARED) == set(RUN)


def test_the_example_on_a_terminal_is_what_is_drawn():
    _, _, shown = EXAMPLES[ON_A_TERMINAL].partition("\n")
    console = Console(force_terminal=True, color_system=None, width=110, highlight=False)
    found = migrations.read(objects.copying(MOVE))
    with console.capture() as captured:
        console.print(block(found, stages(found)))
    drawn = [line.rstrip() for line in captured.get().splitlines()]
    assert drawn == shown.splitlines()
