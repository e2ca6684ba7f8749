"""Kills libvirt's daemon within milliseconds of a moment of a move, from inside the launcher."""

KILL_WHEN = """
qemu=$(pgrep -f '^/[a-z/]*/qemu')
opened() { readlink /proc/$qemu/fd/* | grep -c "$1"; }
mounted() { grep -c '/vmi-disks/data[ /]' /proc/$qemu/mountinfo; }
mounts=$(mounted)
while true; do
  case $1 in
    start) [ "$(opened overlay-)" -ge 1 ] && break ;;
    merging) [ "$(mounted)" -gt "$mounts" ] && break ;;
    ready) [ "$(opened overlay-)" -ge 1 ] && [ "$(opened /disk.img)" -ge 2 ] && break ;;
    pivot)
      [ "$(opened overlay-)" -ge 1 ] && amid=1
      [ "$amid" ] && [ "$(opened overlay-)" -eq 0 ] && break ;;
  esac
  sleep 0.01
done
kill -9 $(pgrep -f '/(libvirtd|virtqemud) ')
echo killed
"""
MOMENTS = ("start", "merging", "ready", "pivot")
"""The overlay is open; the destination is mounted; it is open, too; the overlay is closed."""
