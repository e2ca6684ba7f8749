"""Where things are inside a launcher pod (KubeVirt facts 1, 2 and 4)."""

PRIVATE = "/var/run/kubevirt-private"
PUBLIC = "/var/run/kubevirt"
SOCKETS = f"{PUBLIC}/sockets"
LAUNCHER_SOCKET = f"{SOCKETS}/launcher-sock"
VMI_DISKS = f"{PRIVATE}/vmi-disks"
HOTPLUG_DISKS = f"{PUBLIC}/hotplug-disks"
KERNEL_BOOT = f"{PUBLIC}/container-disks/kernel-boot"
LIBVIRT_RUNTIME = "/var/run/libvirt"
LIBVIRT_SOCKET = f"{LIBVIRT_RUNTIME}/virtqemud-sock"
LIBVIRT_URI = f"qemu+unix:///session?socket={LIBVIRT_SOCKET}"
MIGRATION_SOCKET = f"{PUBLIC}/migrationproxy/source.sock"
MIGRATION_LIBVIRT_PORT = 49151
MIGRATION_QEMU_PORT = 49152
MIGRATION_NBD_PORT = 49153
NON_ROOT = 107


def filesystem_image(volume: str) -> str:
    """The image of a filesystem volume (KubeVirt facts 2)."""
    return f"{VMI_DISKS}/{volume}/disk.img"


def block_device(volume: str) -> str:
    """The device node of a block volume (KubeVirt facts 2)."""
    return f"/dev/{volume}"


def hotplug_disk(volume: str, *, block: bool) -> str:
    """The file or node of a hotplugged volume (KubeVirt facts 2)."""
    return f"{HOTPLUG_DISKS}/{volume}" + ("" if block else ".img")


def serial_log(vmi_uid: str) -> str:
    """The file that receives what the guest writes to its first serial port."""
    return f"{PRIVATE}/{vmi_uid}/virt-serial0-log"


def serial_log_end(vmi_uid: str) -> str:
    """The file whose appearance tells the console container to end."""
    return f"{serial_log(vmi_uid)}-sigTerm"
