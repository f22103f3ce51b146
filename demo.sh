#!/bin/sh
# The main job on the built-in emulator: plan, apply, follow the builds, plan again. Called by `make demo`.
set -eu

RECONCILER_API=emulator
export RECONCILER_API

step() {
    printf '\n$ reconciler %s\n' "$*"
    "$BIN/reconciler" "$@"
}

step emulator reset
step plan
step apply --yes
step plan --detailed-exitcode
