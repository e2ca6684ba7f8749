#!/bin/sh
# The first process of the control plane's machine.
# usage: control-plane.sh FOLDER
set -eu
# shellcheck disable=SC1091 # written by `machines`: one supervised program a line
. "$1/programs.sh"
# It reaps what others leave behind, for as long as a program is supervised: for ever.
wait
