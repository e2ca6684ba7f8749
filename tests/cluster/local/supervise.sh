#!/bin/sh
# Keeps one program of a machine running, as systemd does on a real one.
# usage: supervise.sh LOG PROGRAM ARGUMENT...
set -u
log=$1
shift
# All of them are written in Go, whose collector takes processor to save memory, by default at
# twice what is in use. Here there is much memory and little processor.
export GOGC=400
while :; do
    "$@" >>"$log" 2>&1
    echo "supervise.sh: $1 ended with code $?; it is started again" >>"$log"
    sleep 1
done
