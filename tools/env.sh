#!/bin/sh
# Runs a command with .venv and the ROS of the mode in its environment: tools/env.sh COMMAND [ARGUMENT...]
top=$(cd "$(dirname "$0")/.." && pwd)
PATH=$top/.venv/bin:$PATH
if [ -n "$ROS_DISTRO" ]; then
    # shellcheck disable=SC1091
    export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 # those of ROS are for older versions of pytest
    [ -f "$top/install/local_setup.sh" ] && COLCON_CURRENT_PREFIX=$top/install . "$top/install/local_setup.sh"
else
    AMENT_PREFIX_PATH=$top/.venv CMAKE_PREFIX_PATH=$top/.venv
    export AMENT_PREFIX_PATH CMAKE_PREFIX_PATH
    unset PYTHONPATH PYTHONHOME LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE # of another environment
fi
export PATH VIRTUAL_ENV="$top/.venv"
unset PYTHONDONTWRITEBYTECODE # each of many short processes would compile everything anew
# Small matrices: a second thread costs more than it brings, and the nodes share the cores.
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec "$@"
