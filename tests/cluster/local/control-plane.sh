#!/bin/sh
# The first process of a machine of the control plane.
# usage: control-plane.sh FOLDER NAME
set -eu
# API servers are told apart by the names of their machines.
hostname "$2"
# shellcheck disable=SC1091 # written by `machines`: one supervised program a line
. "$1/programs.sh"
# It reaps what others leave behind, for as long as a program is supervised: for ever.
wait
