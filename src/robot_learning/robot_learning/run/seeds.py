"""Every random draw of a run has its own seed, so that no draw depends on how many others came before it."""

import numpy as np

STREAMS = {"rollout": 0, "evaluation": 1, "update": 2, "initial": 3, "mixture": 4}


def derived(seed: int, stream: str, *place: int) -> int:
    """A 63-bit seed for one place, such as (iteration, condition, rollout), in one named stream of a run."""
    words = np.random.SeedSequence((seed, STREAMS[stream], *place)).generate_state(2, np.uint32)
    return (int(words[0]) << 31) | (int(words[1]) >> 1)
