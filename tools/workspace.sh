#!/bin/sh
# Builds and tests the whole workspace as a user of colcon does, apart from the user's own build/: workspace.sh FLOOR
set -eu
cd "$(dirname "$0")/.."
floor=$1 base=build/check
bases="--base-paths src --build-base $base/build --install-base $base/install"

colcon --log-base $base/log build $bases
colcon --log-base $base/log build --base-paths src --packages-select robot_learning --symlink-install \
    --build-base $base/symlink/build --install-base $base/symlink/install
python tools/check_install.py $base/install/robot_learning $base/symlink/install/robot_learning
rm -f $base/build/robot_learning/pytest.xml
colcon --log-base $base/log test $bases --packages-select robot_learning --event-handlers console_direct- --pytest-args -q $UNIT_TESTS
colcon test-result --test-result-base $base/build/robot_learning --verbose # names what failed, and fails then
python tools/test_floor.py "$floor" $base/build/robot_learning/pytest.xml
