"""A storage controller that is not ours drives an AttachmentSwitch itself (tests/vendor).

It has its own service account with the rights that docs/for-storage-vendors.md names, copies by
its own Job, and does not know whether the VM runs. On a failure the message has what it said, and
what the switch says; KEEP=1 keeps the namespace, with the Job.
"""

import json
import os
import subprocess
import sys

import pytest
import yaml

from cluster import paths
from guest import manifest
from harness.kube import KubectlError, wait_for

pytestmark = pytest.mark.e2e

SIZE = "128Mi"
NAME, ACCOUNT, DESTINATION = "array-move", "mover", "moved"
STAGES = ("starting", "copying", "completing", "ending")
RIGHTS = (
    {
        "apiGroups": ["batch"],
        "resources": ["jobs"],
        "verbs": ["get", "create", "patch", "delete"],
    },
    {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get", "patch"]},
)
"""What its copy needs; what a switch asks for is the ClusterRole detour-switch-driver."""


class Vendor:
    """Starts the controller as a process, kills it, and starts it again."""

    def __init__(self, kube, machine, folder):
        self.kube, self.machine, self.folder = kube, machine, folder
        self.namespace = machine.namespace
        self.log = folder / "vendor.log"
        self.process = None

    def prepare(self, storage_class):
        """Its account, the rights that it has, and the claim that the disk is to go to."""
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.namespace}
        self.kube.apply(
            self._named("v1", "ServiceAccount", ACCOUNT),
            self._named("rbac.authorization.k8s.io/v1", "Role", ACCOUNT, rules=list(RIGHTS)),
            self._binding("Role", ACCOUNT, subject),
            self._binding("ClusterRole", "detour-switch-driver", subject),
            manifest.claim(DESTINATION, self.namespace, storage_class, SIZE),
        )
        token = self.kube.run("create", "token", ACCOUNT, "-n", self.namespace, "--duration=2h")
        config = yaml.safe_load(self.kube.kubeconfig.read_text())
        for user in config["users"]:
            user["user"] = {"token": token.strip()}
        self.folder.joinpath("kubeconfig").write_text(json.dumps(config))

    def _named(self, version, kind, name, **more):
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}

    def _binding(self, kind, role, subject):
        name = f"{ACCOUNT}-{role}"
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
        return self._named(
            "rbac.authorization.k8s.io/v1", "RoleBinding", name,
            roleRef=reference, subjects=[subject],
        )  # fmt: skip

    def start(self, what="move"):
        given = {
            "kubeconfig": str(self.folder / "kubeconfig"),
            "name": NAME,
            "namespace": self.namespace,
            "machine": self.machine.name,
            "volume": "data",
            "source": self.machine.source,
            "destination": DESTINATION,
            "image": manifest.IMAGE,
        }
        words = [word for key, value in given.items() for word in (f"--{key}", value)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "vendor", what, *words],
                cwd=paths.REPOSITORY,
                env={**os.environ, "PYTHONPATH": "tests"},
                stdout=log,
                stderr=log,
            )

    def kill(self):
        """No word of farewell."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
            with self.log.open("a") as log:
                log.write("killed\n")

    def wait_for_stage(self, stage, seconds=400):
        """Until it says so, or something later; an end before that is a failure."""

        def said():
            lines = self.log.read_text().split("killed\n")[-1]
            if f"] {stage}" not in lines:
                assert self.process.poll() is None, f"it ended: {self.story()}"
                return False
            return True

        wait_for(f"the controller to say {stage}", said, seconds=seconds, seen=self.story)

    def wait_for_end(self, seconds=600):
        """Its exit status."""
        ended = wait_for(
            "the controller to end",
            lambda: self.process.poll() is not None,
            seconds=seconds,
            seen=self.story,
        )
        assert ended
        return self.process.returncode

    def switch(self):
        return self.kube.get("attachmentswitches", NAME, self.namespace) or {}

    def story(self):
        """What it said, and what the switch and its Jobs say."""
        status = self.switch().get("status", {})
        lines = [self.log.read_text() if self.log.exists() else "(said nothing)"]
        lines += [
            f"switch {item['type']}={item['status']} {item['reason']}: {item['message']}"
            for item in status.get("conditions", [])
        ]
        lines += [f"compute {status.get('compute')}", f"node {status.get('node')}"]
        lines += [
            f"job {job['metadata']['name']} {job.get('status')}"
            for job in self.kube.list("jobs", self.namespace)
        ]
        return "\n".join(lines)


@pytest.fixture
def vendor(cluster, kube, machines, tmp_path):
    """The controller, and a VM that writes."""
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    made = Vendor(kube, machine, tmp_path)
    made.prepare(cluster.destination_class)
    yield made
    made.kill()


def assert_nothing_left(vendor):
    assert vendor.switch() == {}, vendor.story()
    for kind in ("jobs", "pods"):
        wait_for(
            f"the vendor's {kind} to be gone",
            lambda kind=kind: not vendor.kube.list(kind, vendor.namespace, "vendor.example/move"),
        )


def assert_moved(vendor, *, running=True):
    """Everything the guest wrote before, during and after is on the destination alone."""
    machine = vendor.machine
    assert vendor.wait_for_end() == 0, vendor.story()
    assert machine.claim() == DESTINATION
    assert_nothing_left(vendor)
    if running:
        assert machine.instance_claim() == DESTINATION
        machine.wait_for_writes()
        machine.stop()
    verdict = machine.verify(DESTINATION)
    assert verdict.passed, verdict.text
    if running:
        assert not machine.verify(machine.source).passed, "the frozen source must look like loss"
    machine.start()
    assert machine.instance_claim() == DESTINATION


def test_it_moves_the_disk_of_a_running_machine(vendor):
    vendor.start()
    vendor.wait_for_stage("copying")
    vendor.machine.wait_for_writes(50)
    assert_moved(vendor)


def test_in_the_same_way_it_moves_the_disk_of_a_stopped_one(vendor):
    vendor.machine.stop()
    vendor.start()
    assert_moved(vendor, running=False)


def test_killed_at_every_stage_it_goes_on(vendor):
    for stage in STAGES:
        vendor.start()
        vendor.wait_for_stage(stage)
        vendor.kill()
        if stage == "copying":
            # Nobody drives the switch: the guest goes on, and the lock holds.
            vendor.machine.wait_for_writes()
            with pytest.raises(KubectlError, match=f"AttachmentSwitch {NAME} of a storage contr"):
                vendor.machine.stop()
    vendor.start()
    assert_moved(vendor)


@pytest.mark.parametrize("running", [True, False], ids=["live", "stopped"])
def test_it_cancels_amid_the_copy_after_it_was_killed(vendor, running):
    machine = vendor.machine
    if not running:
        machine.stop()
    vendor.start()
    vendor.wait_for_stage("copying")
    vendor.kill()
    vendor.start("cancel")
    assert vendor.wait_for_end() == 0, vendor.story()
    assert_nothing_left(vendor)
    assert machine.claim() == machine.source
    if running:
        assert machine.instance_claim() == machine.source
        machine.wait_for_writes()
        machine.stop()
    verdict = machine.verify(machine.source)
    assert verdict.passed, verdict.text
    machine.start()


def test_its_account_can_do_nothing_else_with_a_move(vendor):
    """It may ask; the answers, the finalizer and so the lock are Detour's."""
    vendor.start()
    vendor.wait_for_stage("copying")
    vendor.kill()
    kubectl = (f"--kubeconfig={vendor.folder / 'kubeconfig'}", "-n", vendor.namespace)
    switch = ("attachmentswitches", NAME, "--type=merge", "-p")
    for words, told in (
        (("patch", *switch, '{"status":{"position":"Source"}}', "--subresource=status"), "forbid"),
        (("patch", *switch, '{"metadata":{"finalizers":null}}'), "holds the lock"),
        (("get", "virtualmachines"), "forbidden"),
    ):
        done = subprocess.run(
            [vendor.kube.command[0], *kubectl, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0, words
        assert told in done.stderr, done.stderr
    vendor.start("cancel")
    assert vendor.wait_for_end() == 0, vendor.story()
