"""What the service accounts may do, like KubeVirt's (KubeVirt facts 6.1)."""

ALL = ["*"]
READ = ["get", "list", "watch"]
CHANGE = ["create", "update", "patch", "delete"]


def rights() -> dict[str, list[dict]]:
    """The rules by account."""
    return {
        "kubevirt-controller": [
            *_own(),
            _rule("", ["pods", "pods/finalizers", "pods/status"], [*READ, *CHANGE]),
            _rule("", ["events"], ["create", "update", "patch"]),
            _rule("", ["persistentvolumeclaims", "nodes", "namespaces"], READ),
            _rule("apps", ["controllerrevisions"], [*READ, "create", "delete"]),
        ],
        "kubevirt-apiserver": [
            *_own(),
            _rule("", ["pods", "persistentvolumeclaims", "namespaces"], READ),
        ],
        "kubevirt-handler": [
            # No "get", as there (v1.8.2, pkg/virt-operator/resource/generate/rbac/handler.go).
            _rule(
                "kubevirt.io", ["virtualmachineinstances"], ["list", "watch", "update", "patch"]
            ),
            # virt-handler finds launchers by their sockets, this one by their pods.
            _rule("", ["pods"], ["list"]),
            _rule("", ["nodes"], [*READ, "patch"]),
            _rule("", ["events"], ["create", "patch"]),
        ],
    }


def _own() -> list[dict]:
    groups = ("kubevirt.io", "snapshot.kubevirt.io", "clone.kubevirt.io", "export.kubevirt.io")
    return [_rule(group, ALL, ALL) for group in groups]


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}
