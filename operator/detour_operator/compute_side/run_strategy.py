"""Whether KubeVirt would make an instance by itself, read from a VirtualMachine's JSON; pure.

As KubeVirt's ``pkg/virt-controller/watch/vm/vm.go`` has it in ``syncRunStrategy`` (1.8 and 1.9). A
start that was asked for is among the ``stateChangeRequests``, and is not meant here.
"""

from collections.abc import Mapping
from typing import Any

ALWAYS, HALTED, RERUN = "Always", "Halted", "RerunOnFailure"
BY_ITSELF = (ALWAYS, "Once", "WaitAsReceiver")
"""With these an instance that is not there is made, whatever became of an earlier one."""


def starts(raw: Mapping[str, Any]) -> str:
    """The strategy under which it would, as soon as it can; empty if it would not.

    With RerunOnFailure a machine is started once, for which ``status.runStrategy`` still differs;
    from then on only an instance that failed has another one, by a start that is asked for.
    """
    strategy = _strategy(raw.get("spec") or {})
    if strategy == RERUN:
        noted = (raw.get("status") or {}).get("runStrategy")
        return "" if noted == strategy else strategy
    return strategy if strategy in BY_ITSELF else ""


def _strategy(spec: Mapping[str, Any]) -> str:
    """``running`` is the older field; with both KubeVirt does nothing (its ``types.go``)."""
    running, strategy = spec.get("running"), spec.get("runStrategy")
    if running is None:
        return str(strategy or HALTED)
    return ALWAYS if running is True and strategy is None else HALTED
