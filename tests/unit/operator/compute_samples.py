"""A virtual machine that can be moved, its instance and its pods, as KubeVirt 1.9 shows them."""

import copy


def machine(**spec):
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "web", "namespace": "ns", "uid": "vm-uid", "resourceVersion": "7"},
        "spec": {
            "runStrategy": "Always",
            "template": {"spec": {"volumes": copy.deepcopy(VOLUMES)}},
            **spec,
        },
        "status": {"created": True, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def instance(**status):
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "web", "namespace": "ns", "uid": "vmi-uid", "resourceVersion": "9"},
        "spec": {
            "domain": {"devices": {"disks": [disk("root"), disk("data")]}},
            "volumes": copy.deepcopy(VOLUMES),
        },
        "status": {
            "phase": "Running",
            "nodeName": "node-1",
            "activePods": {"pod-uid": "node-1"},
            "selinuxContext": "system_u:system_r:container_t:s0:c1,c2",
            "volumeStatus": [
                {
                    "name": "root",
                    "target": "vda",
                    "persistentVolumeClaimInfo": {
                        "claimName": "root-claim",
                        "accessModes": ["ReadWriteMany"],
                        "volumeMode": "Block",
                        "capacity": {"storage": "1Gi"},
                    },
                },
                {
                    "name": "data",
                    "target": "vdb",
                    "persistentVolumeClaimInfo": {"claimName": "old", "volumeMode": "Filesystem"},
                },
            ],
            **status,
        },
    }


VOLUMES = [
    {"name": "cloudinit", "cloudInitNoCloud": {"userData": "x"}},
    {"name": "root", "dataVolume": {"name": "root-claim"}},
    {"name": "data", "persistentVolumeClaim": {"claimName": "old"}},
]


def disk(name):
    return {"name": name, "disk": {"bus": "virtio"}}


def claim(name, **spec):
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": f"{name}-uid",
            "resourceVersion": "1",
        },
        "spec": {"volumeMode": "Filesystem", "accessModes": ["ReadWriteOnce"], **spec},
    }


def pod(name="launcher", **status):
    return {
        "metadata": {"name": name, "uid": "pod-uid"},
        "spec": {
            "nodeName": "node-1",
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "old"}}],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [{"state": {"running": {}}}],
            **status,
        },
    }
