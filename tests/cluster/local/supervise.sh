#!/bin/sh
# Keeps one program of a machine running, as systemd does on a real one.
# usage: supervise.sh LOG PROGRAM ARGUMENT...
set -u
log=$1
shift
while :; do
    "$@" >>"$log" 2>&1
    echo "supervise.sh: $1 ended with code $?; it is started again" >>"$log"
    sleep 1
done
