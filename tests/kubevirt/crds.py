"""KubeVirt's custom resources, as far as clients can tell (KubeVirt facts 6.1 and 9)."""

PRESERVE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def crds() -> list[dict]:
    """The definitions; a VMI has no status subresource, so one patch reaches spec and status."""
    return [
        _crd(
            "VirtualMachine", "virtualmachines", ("vm", "vms"), status=True, category="all",
            columns=[
                ("Age", "date", ".metadata.creationTimestamp"),
                ("Status", "string", ".status.printableStatus"),
                ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ],
        ),
        _crd(
            "VirtualMachineInstance", "virtualmachineinstances", ("vmi", "vmis"),
            status=False, category="all",
            columns=[
                ("Age", "date", ".metadata.creationTimestamp"),
                ("Phase", "string", ".status.phase"),
                ("IP", "string", ".status.interfaces[0].ipAddress"),
                ("NodeName", "string", ".status.nodeName"),
                ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
                ("Live-Migratable", "string",
                 ".status.conditions[?(@.type=='LiveMigratable')].status"),
                ("Paused", "string", ".status.conditions[?(@.type=='Paused')].status"),
            ],
        ),
        _crd(
            "VirtualMachineInstanceMigration", "virtualmachineinstancemigrations",
            ("vmim", "vmims"), status=True, category="all",
            columns=[
                ("Phase", "string", ".status.phase"),
                ("VMI", "string", ".spec.vmiName"),
            ],
        ),
        _crd(
            "KubeVirt", "kubevirts", ("kv", "kvs"), status=True, category="all",
            columns=[
                ("Age", "date", ".metadata.creationTimestamp"),
                ("Phase", "string", ".status.phase"),
            ],
        ),
        *_passive(),
    ]  # fmt: skip


def _passive() -> list[dict]:
    """Resources that can be created, and denied, but that nothing acts on."""
    kinds = {
        "VirtualMachineSnapshot": "snapshot",
        "VirtualMachineRestore": "snapshot",
        "VirtualMachineClone": "clone",
        "VirtualMachineExport": "export",
    }
    backup = ("VirtualMachineBackup", "virtualmachinebackups", ())
    return [
        *(
            _crd(kind, f"{kind.lower()}s", (), group=f"{group}.kubevirt.io", version="v1beta1")
            for kind, group in kinds.items()
        ),
        _crd(*backup, group="backup.kubevirt.io", version="v1alpha1"),
    ]


def _crd(
    kind: str,
    plural: str,
    short: tuple[str, ...],
    *,
    group: str = "kubevirt.io",
    version: str = "v1",
    status: bool = True,
    category: str = "",
    columns: list[tuple[str, str, str]] | None = None,
) -> dict:
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": PRESERVE,
                    "status": PRESERVE,
                },
            }
        },
        "additionalPrinterColumns": [
            {"name": name, "type": type_, "jsonPath": path} for name, type_, path in columns or []
        ],
    }
    if status:
        served["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "labels": {"kubevirt.io": ""}},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": list(short),
                "categories": [category] if category else [],
            },
            "versions": [served],
        },
    }
