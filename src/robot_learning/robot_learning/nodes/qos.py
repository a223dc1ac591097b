"""The quality of service of every kind of topic, by what it is for."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

# Control path: a reader wants the newest sample only; a writer keeps enough for a recorder that reads in bursts.
CONTROL_READER = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
CONTROL_WRITER = QoSProfile(depth=64, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
# Robots may publish their states best effort; such a writer never reaches a reliable reader.
STATE_READER = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)
# One value that late comers get at once.
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Images: a reader that takes what comes serves every camera driver; our own writer is reliable, for lockstep and recordings.
IMAGE_READER = QoSProfile(depth=2, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)
IMAGE_READER_LOCKSTEP = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
IMAGE_WRITER = QoSProfile(depth=8, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
# /clock: reliable, so that readers of either kind get it.
CLOCK_WRITER = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
# All parts of a policy's weights must arrive.
WEIGHTS = QoSProfile(depth=256, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
# A recorder must not miss anything. Best effort would lose samples that its writer could repeat.
RECORDER_READER = QoSProfile(depth=4096, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE)
RECORDER_LATCHED = QoSProfile(
    depth=16,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def state_reader(clock: str) -> QoSProfile:
    """Joint states: reliable in lockstep, where every one counts; otherwise whatever the robot offers."""
    return CONTROL_READER if clock == "lockstep" else STATE_READER


def image_reader(clock: str) -> QoSProfile:
    """Images: reliable in lockstep; otherwise whatever the camera offers."""
    return IMAGE_READER_LOCKSTEP if clock == "lockstep" else IMAGE_READER
