#!/bin/sh
# Keeps one program of a machine running, as systemd does on a real one.
# usage: supervise.sh LOG PROGRAM ARGUMENT...
set -u
log=$1
shift
# Of the processor time of Kubernetes' programs a sixth was Go's collector (measured): there is more
# memory than there are processors.
export GOGC=400
while :; do
    "$@" >>"$log" 2>&1
    echo "supervise.sh: $1 ended with code $?; it is started again" >>"$log"
    sleep 1
done
