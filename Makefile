# make demo · make test · make lint · make setup · make unit · make ros · make workspace · make clean
# Each sets up what is missing first; TORCH_INDEX=... may name PyTorch's CPU index, PYTHON=... another Python.

CHOICE := $(shell tools/mode.sh 2>&1)
MODE := $(firstword $(CHOICE))
ifeq ($(filter wheel sourced,$(MODE)),)
$(error $(CHOICE))
endif

# The least number of tests that must have passed; raise them when tests are added.
UNIT_FLOOR := 1980
ROS_FLOOR := 105

DONE := .venv/done-$(MODE)
STEP = @tools/setup.sh $(notdir $(basename $@)) $(CHOICE) && mkdir -p $(@D) && touch $@
RUN := tools/env.sh
# Tests without ROS, on all cores.
export UNIT_TESTS := --ignore-glob=test*/ros -p xdist -n auto --dist loadgroup
INTERFACES := $(shell find src/robot_learning_interfaces -type f | sort)

.PHONY: setup demo test lint unit ros workspace clean

setup: $(DONE)/package.stamp

$(DONE)/python.stamp: requirements/$(MODE).lock tools/setup.sh tools/mode.sh
	$(STEP)

$(DONE)/interfaces.stamp: $(DONE)/python.stamp $(INTERFACES) colcon.meta tools/fix_cmake_paths.py
	$(STEP)

$(DONE)/package.stamp: $(DONE)/interfaces.stamp pyproject.toml $(wildcard src/robot_learning/*.py src/robot_learning/*.cfg src/robot_learning/*.xml)
	$(STEP)

demo: setup
	$(RUN) robot-learning demo

lint: setup
	$(RUN) ruff check .
ifeq ($(MODE),wheel) # numpy's types change with its version: they are checked against the locked one
	$(RUN) mypy
endif

unit: setup # without ROS, under a minute
	$(RUN) pytest -q $(UNIT_TESTS)

ros: setup
	$(RUN) pytest -m ros --junit-xml build/check/ros.xml
	$(RUN) python tools/test_floor.py $(ROS_FLOOR) build/check/ros.xml

workspace: setup # what a user of plain colcon gets, and the unit tests there
	$(RUN) tools/workspace.sh $(UNIT_FLOOR)

test: lint workspace ros

clean:
	rm -rf .venv build install log
