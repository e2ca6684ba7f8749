"""A move that is held, on whose node things are changed behind the agent's back."""

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from harness import agents
from harness.cluster import Target
from harness.facts import Facts
from harness.kube import KubectlError, wait_for
from harness.machine import KILL_QEMU, LIBVIRT, Machine
from harness.migration import Migration

STATE = "/var/lib/detour/switches"
SIGNAL_LAUNCHER = """
for process in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <"$process/cmdline" 2>/dev/null) in
    '/usr/bin/virt-launcher '* | '/usr/bin/python3 -m launcher.process '*)
        kill -"$1" "${process#/proc/}" ;;
    esac
done
"""
"""KubeVirt's own, or its stand-in's: not the process that watches over it."""


class Accident:
    """Of a guest that goes on writing."""

    def __init__(
        self,
        cluster: Target,
        machine: Machine,
        migrate: Callable[..., Migration],
        on_node: Callable[..., str],
        name: str = "m",
    ) -> None:
        self.kube, self.machine, self.on_node = cluster.kube, machine, on_node
        self.node = machine.instance()["status"]["nodeName"]
        on_node(self.node, "true")
        self._facts, self.before = Facts(cluster.kube, machine), machine.instance_uid()
        self.target = self.virsh("domblklist").split()[-2]
        destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
        self.migration = migrate(name, machine.name, destination, hold=True)

    def wait_for_the_copy(self) -> None:
        """Wait until the move waits as it was told, and the guest has written to the overlay."""
        self.migration.wait_for_condition("Copied")
        self.machine.wait_for_writes()

    @property
    def folder(self) -> str:
        """Where the agent keeps what it has of this move."""
        return f"{STATE}/{self.migration.switch()['metadata']['uid']}"

    def agent_held(self) -> AbstractContextManager[None]:
        """Have the agent of the guest's node do nothing meanwhile."""
        return agents.held(self.on_node, self.node)

    @contextlib.contextmanager
    def kubevirt_held(self) -> Iterator[None]:
        """Have KubeVirt's launcher do nothing meanwhile: it would have a suspended guest go on."""
        self.machine.in_launcher("sh", "-c", SIGNAL_LAUNCHER, "sh", "STOP")
        try:
            yield
        finally:
            with contextlib.suppress(KubectlError):  # it may be gone, with its pod
                self.machine.in_launcher("sh", "-c", SIGNAL_LAUNCHER, "sh", "CONT")

    def monitor(self, command: str, **arguments: Any) -> Any:
        """What QEMU itself answered, and libvirt does not look at."""
        request = json.dumps({"execute": command, "arguments": arguments})
        answer = json.loads(self.virsh("qemu-monitor-command", request))
        assert "error" not in answer, answer
        return answer["return"]

    def virsh(self, command: str, *arguments: str) -> str:
        """What virsh said of the guest, to one who has access to its launcher."""
        return self._facts.virsh(command, self._facts.domain, *arguments)

    def block(self, command: str, *arguments: str) -> str:
        """The same of the guest's disk."""
        return self.virsh(command, self.target, *arguments)

    def journal(self, **changes: Any) -> None:
        """Change what the agent's record says."""
        path, record = f"{self.folder}/journal.json", self.read_journal() | changes
        write = ("sh", "-c", 'printf %s "$2" >"$1"', "sh", path, json.dumps(record))
        self.on_node(self.node, *write)

    def read_journal(self) -> dict[str, Any]:
        """What the agent's record says."""
        path = f"{self.folder}/journal.json"
        return dict(json.loads(self.on_node(self.node, "cat", path)))

    def wait_for_journal(self) -> None:
        """The agent tells of the row before it has written what follows from it."""
        listed = ("ls", self.folder)
        wait_for(
            "the journal to be there",
            lambda: "journal.json" in self.on_node(self.node, *listed).split(),
        )

    def patch(self, **spec: Any) -> None:
        """Change what the move is asked for."""
        name, namespace = self.migration.name, self.migration.namespace
        self.kube.patch("volumemigrations", name, namespace, {"spec": spec})

    def wait_for_order(self, order: str) -> None:
        """Wait until the agent is to reach it."""

        def given() -> bool:
            compute = self.migration.switch()["status"].get("compute", {})
            return bool(compute.get("order") == order)

        wait_for(f"the order {order}", given, every=0.2, seen=self.migration.story)

    def answer(self, trust: str, **spec: Any) -> None:
        """As the page says: the image that is trusted, and the stop at which it is."""
        self.patch(trust=trust, answeredStop=self.migration.wait_for_stop(), **spec)

    def crash(self, *, settled: bool = False) -> None:
        """Kill the guest's QEMU; settled, without a write that is on one image alone still.

        At once after it was suspended: KubeVirt would have it go on.
        """
        if settled:
            suspend = f"virsh -c {LIBVIRT} suspend {self._facts.domain}"
            at_once = KILL_QEMU.replace("kill -KILL", f"{suspend} && kill -KILL")
            self.machine.in_launcher("sh", "-c", at_once)
        else:
            self.machine.crash()

    def wait_for_row(self, row: str) -> None:
        """Wait until the agent has come to a row of docs/states.md."""
        wait_for(
            f"row {row}",
            lambda: row in agents.rows(self.kube, self.migration),
            seconds=240,
            seen=self.migration.story,
        )

    def wait_for_stop(self, reason: str, row: str) -> None:
        """Wait for the stop of that reason, in that row, with everything locked and kept."""

        def stopped() -> bool:
            found = self.migration.condition("Stalled")
            return found.get("status") == "True" and found["reason"] == reason

        wait_for(f"the stop {reason}", stopped, seconds=240, seen=self.migration.story)
        assert self.migration.switch()["status"]["node"]["row"] == row
        assert self.migration.switch()["status"]["compute"]["locked"] is True
        assert self.kube.get("pvc", self.machine.source, self.migration.namespace)
        assert self.kube.get("pvc", self.migration.name, self.migration.namespace)

    def assert_goes_on(self, claim: str, status: str, *, whole: bool = True) -> None:
        """See that the move ends there, and that the VM starts by itself, with all its writes."""
        self._assert_ends(status)
        wait_for(
            "the VM to run again",
            lambda: self.machine.instance_uid() not in ("", self.before),
            seconds=300,
            seen=self.migration.story,
        )
        self.machine.wait_until_running()
        self._assert_on(claim, whole=whole)

    def assert_went_on(self, claim: str, status: str) -> None:
        """See that it ends there under the guest that it began with, with all its writes."""
        self.assert_ended(status)
        self._assert_on(claim, whole=True)

    def assert_ended(self, status: str) -> None:
        """See that it ends so under the guest that it began with, which never stopped."""
        self._assert_ends(status)
        assert self.machine.instance_uid() == self.before, "the guest was not to be restarted"

    def _assert_ends(self, status: str) -> None:
        assert self.migration.wait_for_end()["status"] == status, self.migration.story()

    def _assert_on(self, claim: str, *, whole: bool) -> None:
        assert self.machine.claim() == self.machine.instance_claim() == claim
        self.machine.wait_for_writes(50)
        self.machine.stop()
        verdict = self.machine.verify(claim)
        assert verdict.passed == whole, verdict.text
