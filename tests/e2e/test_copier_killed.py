"""The copier dies in the middle of a copy: it is copied anew, and nothing is lost."""

import pytest

from guest import manifest
from harness import slow_copy

pytestmark = pytest.mark.e2e

SIZE = "256Mi"
STOP_AMID = """
while :; do
  for process in /proc/[0-9]*; do
    read -r name 2>/dev/null < "$process/comm" || continue
    [ "$name" = qemu-img ] && grep -qsz "^HOSTNAME=$1" "$process/environ" || continue
    while [ -e "$process/io" ]; do
      written=$(sed -n 's/^write_bytes: //p' "$process/io")
      [ "${written:-0}" -lt 1048576 ] || break
    done
    kill -STOP "${process#/proc/}" || continue
    until grep -q '^State:.T' "$process/status"; do sleep 0.02; done
    echo "${process#/proc/}" && exit
  done
  sleep 0.1
done
"""
"""Stops the process that copies in pods whose name begins with $1, once it has written 1 MiB.

The disk holds far more than that, and the copy is slow enough: it is stopped in the middle.
"""
SECONDS = 10
"""The least that the copy takes: far longer than it is to be found."""


def seen(on_node, node, process):
    """Its state as one letter, T is stopped, and its parent."""
    return on_node(node, "cat", f"/proc/{process}/stat").rpartition(")")[2].split()[:2]


def copiers(kube, namespace, name):
    """Those of that Job: one that only looked at the destination may still be there."""
    pods = kube.list("pods", namespace, "detour.dev/component=copier")
    copying = [pod for pod in pods if pod["metadata"]["name"].startswith(name)]
    return {pod["metadata"]["uid"]: pod for pod in copying}


def kill_process(kube, on_node, node, process, pod):
    """The copier itself, process 1 of its container: what it started dies with it."""
    _, parent = seen(on_node, node, process)
    on_node(node, "kill", "-KILL", parent)


def kill_child(kube, on_node, node, process, pod):
    """Only qemu-img, as the kernel does where memory is short."""
    on_node(node, "kill", "-KILL", process)


def delete_pod(kube, on_node, node, process, pod):
    """The API forgets the pod at once, while its process is still there."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    kube.delete("pods", name, namespace, "--grace-period=0", "--force", "--wait=false")


@pytest.mark.parametrize(
    ("kill", "there"),
    [
        (kill_child, False),
        (delete_pod, False),
        pytest.param(kill_process, True, id="onto a claim that was empty"),
    ],
)
def test_killed_amid_the_copy(cluster, kube, machines, migrate, namespace, on_node, kill, there):
    machine = machines()
    machine.create(cluster.source_class, SIZE)
    machine.wait_until_running()
    machine.wait_for_writes()
    node = machine.instance()["status"]["nodeName"]
    on_node(node, "true")
    destination = {"claimTemplate": {"storageClassName": cluster.destination_class}}
    if there:
        kube.apply(manifest.claim("m", namespace, cluster.destination_class, SIZE))
        destination = {"claimName": "m"}
    copy = {"method": "HostAssisted", "bandwidthLimit": slow_copy.limit(machine, SECONDS)}
    migration = migrate("m", machine.name, destination, copy=copy, hold=True)
    name = f"detour-copy-{migration.object()['metadata']['uid'][:8]}"
    stop = ("timeout", "300", "sh", "-c", STOP_AMID, "sh", name)
    process = on_node(node, *stop, timeout=320).strip()
    (first,) = copiers(kube, namespace, name).values()
    assert seen(on_node, node, process)[0] == "T"
    assert migration.condition("Copied").get("status") != "True"

    kill(kube, on_node, node, process, first)

    migration.wait_for_condition("Copied")
    others = copiers(kube, namespace, name).keys() - {first["metadata"]["uid"]}
    assert others, "copied by another one"
    # It fails if the old one is still there.
    on_node(node, "test", "!", "-e", f"/proc/{process}")
    kube.patch("volumemigrations", "m", namespace, {"spec": {"hold": False}})
    assert migration.wait_for_end()["status"] == "True", migration.story()
    machine.wait_for_writes()
    machine.stop()
    verdict = machine.verify("m")
    assert verdict.passed, verdict.text
