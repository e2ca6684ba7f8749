#!/bin/sh
# Installs the Debian packages that tests, local cluster and image builds need, and
# those that are named; only what is missing.
# Nothing is started: the cluster runs its own containerd and etcd as child processes.
set -eu

packages="$*
buildah
busybox-static
conntrack
containerd
containernetworking-plugins
debian-archive-keyring
debootstrap
e2fsprogs
etcd-server
gcc
iproute2
iptables
libc6-dev
libvirt-clients
libvirt-daemon
libvirt-daemon-driver-qemu
openssl
procps
prometheus
python3-libvirt
qemu-system-x86
qemu-utils
runc
shellcheck
socat
util-linux
xfsprogs
"

# Docker's own packages provide containerd and runc, and conflict with Debian's: apt would remove them.
there=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}, ${Provides}\n' |
    sed -n 's/^installed //p' | tr ',' '\n' | sed -e 's/^ *//' -e 's/ .*//')
missing=""
for package in $packages; do
    if ! printf '%s\n' "$there" | grep --quiet --line-regexp --fixed-strings -e "$package"; then
        missing="$missing $package"
    fi
done
if [ -z "$missing" ]; then
    exit 0
fi
echo "installing$missing"
apt-get update --quiet

# Debian starts a service as soon as its package is installed, unless this file forbids it
# (https://www.debian.org/doc/debian-policy/ch-opersys.html, policy-rc.d).
policy=/usr/sbin/policy-rc.d
ours=""
if [ ! -e "$policy" ]; then
    ours=yes
    trap 'rm -f "$policy"' EXIT INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the list is to be split
apt-get install --quiet --yes --no-install-recommends $missing
if [ -n "$ours" ]; then
    rm -f "$policy"
fi
