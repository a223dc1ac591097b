"""The figures of real arms: what it takes to command one safely."""

from robot_learning.run.bench.figure import Benchmark
from robot_learning.run.bench.hardware_planning import PLANNING

HARDWARE = Benchmark("hardware", "arms: safety and planning", (PLANNING,))
