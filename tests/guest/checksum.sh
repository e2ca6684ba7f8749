#!/bin/sh
# Appends zeroes to each file until its CRC-32 fits 31 bits.
# virt-handler writes the checksums of a kernel boot into a status whose schema says int32
# (KubeVirt 1.8, pkg/virt-handler/container-disk/mount.go), which Kubernetes 1.36 takes at its word:
# with a greater one no VM gets past the phase Scheduled.
# usage: checksum.sh FILE...
set -eu

for file in "$@"; do
    # gzip ends with the checksum and the length, four bytes each.
    until [ "$(gzip -1 -c "$file" | tail -c 8 | od -A n -t u4 -N 4)" -lt 2147483648 ]; do
        # What unpacks an initramfs takes zeroes behind it four at a time.
        printf '\0\0\0\0' >>"$file"
    done
done
