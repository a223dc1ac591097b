#!/bin/sh
# One step of the set-up; the Makefile calls each when what it depends on has changed:
# setup.sh STEP MODE PYTHON VERSION
#   python      .venv with every package of requirements/MODE.lock
#   interfaces  robot_learning_interfaces, built by colcon (wheel mode: into .venv; sourced mode: into install/)
#   package     robot_learning, editable
set -eu
cd "$(dirname "$0")/.."
step=$1 mode=$2 python=$3 version=$4
log=.venv/setup.log

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 2; }
quietly() { # the output is shown only if the command fails
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        fail "failed: $* (all of it in $log)"
    fi
}

make_venv() {
    [ "$(cat .venv/mode 2>/dev/null)" = "$mode $version" ] && return
    say "virtual environment .venv ($mode mode, Python $version)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv module: install python3-venv"
    [ "$mode" = wheel ] && site= || site=--system-site-packages
    [ -e .venv/mode ] && site="$site --clear"
    "$python" -m venv $site .venv
    echo "$mode $version" >.venv/mode
}

install_packages() {
    # torch first, with its own dependencies at our versions. TORCH_INDEX may name PyTorch's CPU index: its 2.13.0+cpu is
    # preferred to the 2.13.0 of other indexes, and what torch needs still comes from those
    torch=$(grep '^torch==' "requirements/$mode.lock")
    say "$torch"
    quietly .venv/bin/python -m pip install --no-input ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
        -c "requirements/$mode.lock" "$torch"
    say "$(grep -c '==' "requirements/$mode.lock") packages of requirements/$mode.lock"
    quietly .venv/bin/python -m pip install --no-input --no-deps -r "requirements/$mode.lock"
    [ "$mode" = sourced ] || quietly .venv/bin/python -m pip check
}

build_interfaces() {
    say "robot_learning_interfaces (colcon)"
    set -- build --base-paths src --packages-select robot_learning_interfaces --cmake-args \
        "-DPython3_EXECUTABLE=$PWD/.venv/bin/python"
    if [ "$mode" = wheel ]; then
        "$python" -c 'import os, sysconfig; raise SystemExit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
            fail "Python.h is missing: install python3-dev"
        .venv/bin/python tools/fix_cmake_paths.py
        quietly tools/env.sh colcon --log-base .venv/log "$@" --build-base .venv/build --merge-install --install-base .venv
    else
        quietly tools/env.sh colcon "$@"
    fi
    tools/env.sh python -c 'import robot_learning_interfaces.action'
}

install_package() {
    say "robot_learning (editable)"
    quietly .venv/bin/python -m pip install --no-input --no-deps --no-build-isolation -e .
    [ "$mode" = wheel ] || quietly tools/env.sh colcon build --symlink-install --base-paths src --packages-select robot_learning
}

case $step in
    python) make_venv && install_packages ;;
    interfaces) build_interfaces ;;
    package) install_package ;;
    *) fail "unknown step $step" ;;
esac
