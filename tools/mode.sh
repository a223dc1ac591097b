#!/bin/sh
# Decides how the project is installed, and prints one line: MODE PYTHON VERSION
#   sourced  a ROS 2 is sourced (ROS_DISTRO is set): everything of ROS and its Python come from there
#   wheel    otherwise: ROS 2 Jazzy comes from PyPI's wheels, which exist for CPython 3.10 to 3.13
# 3.11 is the tested Python of wheel mode. PYTHON=... names another one. What cannot work ends with exit 2 and one line.

# "PATH VERSION"; the path is the real one, also when called through a virtual environment or a shim
describe() {
    "$1" -c 'import os, sys
name = "%d.%d" % sys.version_info[:2] if sys.implementation.name == "cpython" else "other"
print(os.path.realpath(sys.executable), name)' 2>/dev/null
}

if [ -n "$ROS_DISTRO" ]; then
    case $ROS_DISTRO in
        dashing | eloquent | foxy | galactic | humble | iron)
            echo "ROS 2 $ROS_DISTRO is sourced: Jazzy or later is needed (or open a shell without ROS)" >&2
            exit 2 ;;
    esac
    python=$(command -v "${PYTHON:-python3}") || python=
    if [ -z "$python" ] || ! "$python" -c 'import rclpy' 2>/dev/null; then
        echo "ROS 2 $ROS_DISTRO is sourced, but ${PYTHON:-python3} cannot import its rclpy" >&2
        exit 2
    fi
    echo "sourced $(describe "$python")"
    exit 0
fi

for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13}; do
    python=$(command -v "$candidate") || continue
    described=$(describe "$python")
    case ${described##* } in
        3.11 | 3.12 | 3.13) echo "wheel $described"; exit 0 ;;
    esac
done
echo "no usable Python: CPython 3.11 is needed (3.12 and 3.13 may work), or a sourced ROS 2 Jazzy or later" >&2
exit 2
