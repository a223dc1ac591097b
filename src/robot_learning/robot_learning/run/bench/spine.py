"""The figures of the spine: samples and success of guided policy search, and what the way through ROS costs."""

from robot_learning.run.bench import spine_learning, spine_ros, spine_speed
from robot_learning.run.bench.figure import Benchmark, Figure, Measurement

SAMPLES = Figure(
    "reach_samples_worst",
    "rollouts per condition",
    "<= 15",
    "<= 10",
    "reach, local controllers with the mixture prior, 5 rollouts an iteration: rollouts of a condition until its noise-free controller "
    "first ends within 1 cm; the worst of 4 conditions and all seeds",
)
TRAIN = Figure("mdgps_reach_train_worst", "of 8", ">= 8", ">= 8", "global policy by MDGPS, last iterate: training targets within 2 cm")
HELDOUT = Figure("mdgps_reach_heldout_worst", "of 8", ">= 7", ">= 8", "the same policy on targets that it was not trained on")
RATIO = Figure(
    "ros_wall_ratio",
    "×",
    "<= 3",
    "<= 1.5",
    "wall time of the same training through the ROS graph, with bags, against in process, interleaved; without starting graphs. Two "
    "simulated robots side by side are compared with one in process: where there are two cores, training uses two graphs. In the same "
    "run, `one_graph_ratio` is the one of a single graph",
    beside="one_graph_ratio",
)
EQUAL = Figure(
    "ros_equals_inprocess",
    "1 = yes",
    ">= 1",
    ">= 1",
    "costs, distances and successes of that training are the same bit for bit through the ROS graph and in process",
)
EPISODE = Figure(
    "lockstep_episode_s",
    "s",
    "<= 0.25",
    "<= 0.12",
    "100 steps of a state-only lockstep episode through topics and gate, the recorder listening, without reset and commit; median",
)
FIT = Figure(
    "fit_batched_speedup",
    "×",
    ">= 8",
    ">= 20",
    "dynamics fit of 4 conditions × 5 rollouts × 100 steps × 32 states, for all at once against calling the same function for one "
    "time step after the other, which prepares the mixture anew at each of the 100 steps. Most of the ratio is that: in the same run, "
    "`against_prepared_loop` is the far smaller one against a loop over time that prepares the mixture once",
    beside="against_prepared_loop",
)
UPDATE = Figure(
    "update_cpu_s",
    "CPU-s",
    "<= 1.5",
    "<= 0.5",
    "one update of 4 conditions × 5 rollouts × 100 steps × 32 states with a full memory: mixture, fit and regulator; median of repetitions",
)
FRAME = Figure("frame_64px_speedup", "×", ">= 8", ">= 15", "a 64 × 64 picture of our FR3 against PyBullet's Panda with its meshes; median")
BITS = Figure("lockstep_bit_equal", "1 = yes", ">= 1", ">= 1", "two trainings through fresh graphs, same seed: costs equal bit for bit")

SPINE = Benchmark(
    "spine",
    "guided policy search through ROS 2",
    (
        Measurement((SAMPLES,), spine_learning.reach_samples, 3, 1, 0.3),
        Measurement((TRAIN, HELDOUT), spine_learning.mdgps_reach, 3, 2, 0.7),
        Measurement((RATIO, EQUAL), spine_ros.ros_against_process, 3, 6, 1),
        Measurement((EPISODE,), spine_ros.lockstep_episode, 1, 1, 0.5),
        Measurement((FIT,), spine_speed.fit_speedup, 1, 0.5, 0.1),
        Measurement((UPDATE,), spine_speed.update_cpu, 1, 0.5, 0.2),
        Measurement((FRAME,), spine_speed.frame_speedup, 1, 0.2, 0.1),
        Measurement((BITS,), spine_ros.bit_equal, 1, 2, 0.5),
    ),
)
