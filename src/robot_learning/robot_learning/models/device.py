"""Where networks that run on torch run. Policies that act on the state are numpy and too small for it."""

import torch

from robot_learning.core.errors import UsageError

DEVICES = ("auto", "cpu", "cuda")


def chosen_device(wanted: str) -> torch.device:
    """The device that `wanted`, one of DEVICES, means here; auto: CUDA if it is there. UsageError if CUDA is wanted and missing."""
    if wanted not in DEVICES:
        raise UsageError(f"device: {wanted!r}; allowed are {', '.join(DEVICES)}")
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError("device: 'cuda', but torch finds no CUDA here; allowed are auto, cpu")
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")
