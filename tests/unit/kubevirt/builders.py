"""Objects the tests of the stand-in share."""

from kubevirt.objects import copied

VM_UID = "11111111-1111-1111-1111-111111111111"
VMI_UID = "22222222-2222-2222-2222-222222222222"


def claim(name, mode="ReadWriteOnce", volume_mode="Filesystem", capacity="1Gi", requested="1Gi"):
    return {
        "metadata": {"name": name, "namespace": "demo", "uid": f"uid-of-{name}"},
        "spec": {
            "accessModes": [mode],
            "volumeMode": volume_mode,
            "resources": {"requests": {"storage": requested}},
        },
        "status": {"accessModes": [mode], "capacity": {"storage": capacity}},
    }


def volume(name, claim_name):
    return {"name": name, "persistentVolumeClaim": {"claimName": claim_name}}


def template_spec(*volumes):
    return {
        "domain": {
            "memory": {"guest": "128Mi"},
            "devices": {
                "disks": [{"name": v["name"], "disk": {"bus": "virtio"}} for v in volumes]
            },
        },
        "volumes": list(volumes),
    }


def vm(*volumes, **spec):
    volumes = volumes or (volume("root", "src"),)
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "vm1", "namespace": "demo", "uid": VM_UID, "generation": 1},
        "spec": {"runStrategy": "Always"}
        | spec
        | {"template": {"metadata": {"labels": {"app": "x"}}, "spec": template_spec(*volumes)}},
    }


def vmi(*volumes, phase="Running", **status):
    volumes = volumes or (volume("root", "src"),)
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": "vm1",
            "namespace": "demo",
            "uid": VMI_UID,
            "resourceVersion": "1",
            "labels": {"app": "x"},
        },
        "spec": copied(template_spec(*volumes)),
        "status": {"phase": phase, "nodeName": "node-1"} | status,
    }


def pod(name="virt-launcher-vm1-abcde", phase="Running", node="node-1", ready=True, **labels):
    return {
        "metadata": {
            "name": name,
            "namespace": "demo",
            "uid": f"uid-of-{name}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"kubevirt.io": "virt-launcher"} | labels,
            "annotations": {"kubevirt.io/domain": "vm1"},
            "ownerReferences": [
                {"uid": VMI_UID, "controller": True, "kind": "VirtualMachineInstance"}
            ],
        },
        "spec": {
            "nodeName": node,
            "volumes": [{"name": "private"}, {"name": "root"}],
            "containers": [{"name": "compute", "image": "launcher"}],
        },
        "status": {"phase": phase, "containerStatuses": [{"ready": ready}]},
    }
