#!/bin/sh
# Makes the guest's initramfs: busybox, the writer, our init and the modules it needs.
#
#   initramfs.sh MODULES_ROOT WRITER INIT OUTPUT
#
# MODULES_ROOT holds lib/modules/VERSION of exactly one kernel. Needs kmod, cpio and
# busybox-static; built-in modules are passed over. It is not compressed: an emulated processor
# unpacks slowly.
set -eu

modules_root=$1 writer=$2 init=$3 output=$4
wanted="virtio_pci virtio_blk virtio_scsi ahci sd_mod button evdev"

version=$(ls "$modules_root/lib/modules")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/lib"
cp /bin/busybox "$tree/bin/busybox"
cp "$writer" "$tree/bin/writer"
cp "$init" "$tree/init"
chmod 0755 "$tree/init" "$tree/bin/busybox" "$tree/bin/writer"

depmod -b "$modules_root" "$version"
for module in $wanted; do
    modprobe -d "$modules_root" -S "$version" --show-depends "$module" 2>/dev/null || true
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' > "$tree/paths"

while read -r path; do
    name=$(basename "$path")
    case $name in
        *.xz) name=${name%.xz}; xz -dc "$path" > "$tree/lib/$name" ;;
        *.zst) name=${name%.zst}; zstd -dcq "$path" > "$tree/lib/$name" ;;
        *) cp "$path" "$tree/lib/$name" ;;
    esac
    echo "/lib/$name" >> "$tree/modules"
done < "$tree/paths"
rm "$tree/paths"
grep -q virtio_blk "$tree/modules"

(cd "$tree" && find . | cpio --quiet -o -H newc) > "$output"
chmod 0644 "$output"
