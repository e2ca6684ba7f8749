"""What virt-api lets happen to a VirtualMachine (KubeVirt facts 6.2 and 6.6)."""

from kubevirt.objects import claim_name

from .verdict import ALLOWED, Verdict, denied
from .vmi import admit_spec

RUN_STRATEGIES = ("Always", "Halted", "Manual", "RerunOnFailure", "Once", "WaitAsReceiver")
VOLUME_STRATEGIES = (None, "Replacement", "Migration")


def admit(request: dict) -> Verdict:
    """The verdict on creating or updating a VirtualMachine; a running VM's volumes may change."""
    vm, old = request["object"], request.get("oldObject")
    spec = vm.get("spec") or {}
    for check in (_strategies, _template, _data_volume_templates):
        verdict = check(spec)
        if not verdict.allowed:
            return verdict
    return _storage_status(vm, old) if old else ALLOWED


def _strategies(spec: dict) -> Verdict:
    if "running" in spec and "runStrategy" in spec:
        return denied(
            "Running and RunStrategy are mutually exclusive. "
            "Note that Running is deprecated, please use RunStrategy"
        )
    if "running" not in spec and "runStrategy" not in spec:
        return denied("RunStrategy must be specified")
    if spec.get("runStrategy", "Always") not in RUN_STRATEGIES:
        return denied(f"Invalid RunStrategy ({spec['runStrategy']})")
    if spec.get("updateVolumesStrategy") not in VOLUME_STRATEGIES:
        return denied(f"update volumes strategy not recognized: {spec['updateVolumesStrategy']}")
    return ALLOWED


def _template(spec: dict) -> Verdict:
    if not spec.get("template"):
        return denied("missing virtual machine template.")
    return admit_spec(spec["template"].get("spec") or {}, "spec.template.spec")


def _data_volume_templates(spec: dict) -> Verdict:
    """Each template needs a volume that names it, as DataVolume or as claim.

    KubeVirt facts 6.2.
    """
    volumes = spec["template"]["spec"].get("volumes") or []
    named = {claim_name(volume) for volume in volumes}
    for index, template in enumerate(spec.get("dataVolumeTemplates") or []):
        if template["metadata"]["name"] not in named:
            return denied(
                f"spec.dataVolumeTemplate[{index}] must be referenced in the 'template' section "
                "of the VM"
            )
    return ALLOWED


def _storage_status(vm: dict, old: dict) -> Verdict:
    """A snapshot or a restore under way holds volumes and run strategy (KubeVirt facts 6.6)."""
    status = old.get("status") or {}
    strategy_changes = _run_strategy(vm) != _run_strategy(old)
    if status.get("restoreInProgress") and strategy_changes and _run_strategy(vm) != "Halted":
        return denied(f"Cannot start VM until restore {status['restoreInProgress']!r} completes")
    snapshot = status.get("snapshotInProgress")
    if snapshot and (strategy_changes or _volumes(vm) != _volumes(old)):
        return denied(
            f"Cannot update VM volumes or run strategy until snapshot {snapshot!r} completes"
        )
    return ALLOWED


def _run_strategy(vm: dict) -> str:
    if "running" in vm["spec"]:
        return "Always" if vm["spec"]["running"] else "Halted"
    return vm["spec"].get("runStrategy", "")


def _volumes(vm: dict) -> list:
    return vm["spec"]["template"]["spec"].get("volumes") or []
