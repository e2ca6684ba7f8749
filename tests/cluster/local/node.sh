#!/bin/sh
# The first process of a node. Its network, mount, pid and host name namespaces are its own, and
# what a real node has on its own disk lies in its own folder.
# usage: node.sh FOLDER BINARIES LOGS SHARED_VOLUMES NAME ADDRESS GATEWAY [POD_SUBNET VIA]...
set -eu
folder=$1 binaries=$2 logs=$3 shared=$4 name=$5 address=$6 gateway=$7
shift 7

hostname "$name"

# First the places of our own: the folders mounted over below may be the ones they come from.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lock /run/detour/node /run/detour/bin /run/detour/logs /run/detour/shared
mount --bind "$folder" /run/detour/node
mount --bind "$binaries" /run/detour/bin
mount --bind "$logs" /run/detour/logs
mount --bind "$shared" /run/detour/shared

mkdir -p /run/detour/node/opt/shared-volumes /run/detour/node/var-log \
    /run/detour/node/var-lib/kubelet /run/detour/node/var-lib/containerd
mount --bind /run/detour/node/opt /opt
mount --bind /run/detour/shared /opt/shared-volumes
mount --bind /run/detour/node/var-lib /var/lib
mount --bind /run/detour/node/var-log /var/log
# Pods may mount things for their node to see (mountPropagation: Bidirectional).
mount --make-rshared /

ip link set lo up
# The other end of the cable is plugged in from outside.
until ip link show eth0 >/dev/null 2>&1; do
    sleep 0.1
done
ip address add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "$gateway"
while [ $# -ge 2 ]; do
    ip route add "$1" via "$2"
    shift 2
done
sysctl --quiet --write net.ipv4.ip_forward=1

# shellcheck disable=SC1091 # written by `machines`: one supervised program a line
. /run/detour/node/programs.sh
# It reaps what others leave behind, for as long as a program is supervised: for ever.
wait
