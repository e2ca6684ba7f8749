"""Tests against the real thing may stand here: libvirt, QEMU and mounts, as root."""
