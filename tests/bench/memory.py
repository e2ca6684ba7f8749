"""Resident memory of Detour's own processes."""

import re

from harness.cluster import Target

NAMESPACE = "detour-system"
SCRIPT = """
for process in /proc/[0-9]*; do
  if tr '\\0' ' ' < $process/cmdline 2>/dev/null | grep -q -- '-m {module}'; then
    grep '{field}' $process/status
  fi
done
"""
KIB = 1024


def resident(target: Target, component: str, module: str) -> float:
    """The largest resident size of the component's processes over all its pods, in bytes."""
    return _largest(target, component, module, "VmRSS")


def peak(target: Target, component: str, module: str) -> float:
    """The most that any of them took since it started, in bytes (``proc_pid_status(5)``)."""
    return _largest(target, component, module, "VmHWM")


def _largest(target: Target, component: str, module: str, field: str) -> float:
    pods = target.kube.list("pods", NAMESPACE, f"app.kubernetes.io/component={component}")
    sizes = [0.0]
    for pod in pods:
        command = ["exec", "-n", NAMESPACE, pod["metadata"]["name"], "--", "sh", "-c"]
        text = target.kube.run(*command, SCRIPT.format(module=module, field=field))
        sizes += [float(size) * KIB for size in re.findall(rf"{field}:\s+(\d+) kB", text)]
    return max(sizes)
