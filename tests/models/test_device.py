"""The device of torch's networks."""

import pytest
import torch

from robot_learning.core.errors import UsageError
from robot_learning.models.device import chosen_device


@pytest.mark.parametrize(
    ("wanted", "there", "expected"), [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda")]
)
def test_auto_takes_cuda_if_it_is_there(monkeypatch, wanted, there, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert chosen_device(wanted).type == expected


@pytest.mark.parametrize("wanted", ["cuda", "tpu", ""])
def test_a_device_that_is_not_there_is_named(monkeypatch, wanted):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=f"device: '{wanted}'.*allowed are auto, cpu"):
        chosen_device(wanted)
