"""The perception part of a visuomotor policy: convolutions, then a spatial softmax that turns each channel into an image point.

Levine et al., "End-to-End Training of Deep Visuomotor Policies", 2016: 7×7 stride 2 with 64 channels, 5×5 with 32, 5×5 with 32, no
padding, then the expected position under a softmax over the pixels of each channel.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CHANNELS = (64, 32, 32)
FIRST_KERNEL, KERNEL, STRIDE = 7, 5, 2
OFFSET = (FIRST_KERNEL - 1) // 2 + STRIDE * 2 * ((KERNEL - 1) // 2)  # 11: image pixel in the middle of what feature pixel 0 sees
SMALLEST = FIRST_KERNEL + STRIDE * 2 * (KERNEL - 1)  # pixels: less has no features


class ImagePoints(NamedTuple):
    """What a spatial softmax finds, one point for each channel."""

    points: Tensor  # (…, k, 2), u right and v down, in [-1, 1] from edge to edge of the image
    confidence: Tensor  # (…, k), the largest probability of the channel, 0 to 1


def pixel_coordinates(size: int, first: int, step: int, count: int) -> Tensor:
    """Where pixels first, first + step, … of an image with `size` pixels lie between its edges -1 and 1; (count,)."""
    return (2.0 * (first + step * torch.arange(count)) + 1.0) / size - 1.0


class SpatialSoftmax(nn.Module):
    """Expected image point of each channel, with a learnable temperature shared by all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor, u: Tensor, v: Tensor) -> ImagePoints:
        """Features (b, k, rows, columns); u (columns,) and v (rows,) are the coordinates of their pixels."""
        batch, channels, rows, columns = features.shape
        flat = features.reshape(batch, channels, rows * columns) / self.log_temperature.exp()
        probability = torch.softmax(flat, dim=-1).reshape(batch, channels, rows, columns)
        points = torch.stack([(probability.sum(dim=2) * u).sum(dim=-1), (probability.sum(dim=3) * v).sum(dim=-1)], dim=-1)
        return ImagePoints(points, probability.amax(dim=(2, 3)))


class KeypointNetwork(nn.Module):
    """Images of one size to the points of `CHANNELS[-1]` channels."""

    def __init__(self, height: int, width: int) -> None:
        """The size of the images in pixels."""
        super().__init__()
        if min(height, width) < SMALLEST:
            raise ValueError(f"images of {width}x{height} pixels; {SMALLEST}x{SMALLEST} is the least")
        self.height, self.width = height, width
        first, second, third = CHANNELS
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, first, FIRST_KERNEL, STRIDE),
            nn.ReLU(),
            nn.Conv2d(first, second, KERNEL),
            nn.ReLU(),
            nn.Conv2d(second, third, KERNEL),
            nn.ReLU(),
        )
        self.softmax = SpatialSoftmax()
        columns, rows = ((size - SMALLEST) // STRIDE + 1 for size in (width, height))
        self.register_buffer("u", pixel_coordinates(width, OFFSET, STRIDE, columns), persistent=False)
        self.register_buffer("v", pixel_coordinates(height, OFFSET, STRIDE, rows), persistent=False)

    def forward(self, images: Tensor) -> ImagePoints:
        """Images (b, 3, h, w), rgb from 0 to 1."""
        result: ImagePoints = self.softmax(self.convolutions(images), self.u, self.v)
        return result

    @torch.inference_mode()
    def locate(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """One image (h, w, 3) rgb to points (k, 2) and confidence (k,)."""
        device = self.softmax.log_temperature.device
        tensor = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).to(device, torch.float32) / 255.0
        points, confidence = self(tensor)
        return points[0].cpu().numpy(), confidence[0].cpu().numpy()

    def tensors(self) -> dict[str, Tensor]:
        """What a file has to hold."""
        return {name: tensor.detach().cpu() for name, tensor in self.state_dict().items()}

    def manifest(self, camera: str) -> dict[str, Any]:
        """What a user of the weights has to know and check; `camera` is the hash of the camera's configuration."""
        return {"kind": "keypoints", "height": self.height, "width": self.width, "camera": camera}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], manifest: Mapping[str, Any]) -> "KeypointNetwork":
        """The network with these weights, for inference; ValueError if they do not fit."""
        height, width = manifest.get("height"), manifest.get("width")
        if manifest.get("kind") != "keypoints" or not isinstance(height, int) or not isinstance(width, int):
            raise ValueError(f"kind {manifest.get('kind')!r} with size {width}x{height}; expected keypoints of an image size")
        network = cls(height, width)
        expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if expected != found:
            different = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
            raise ValueError(f"tensor {different[0]!r}: shape {found.get(different[0])}; {expected.get(different[0])} is expected")
        network.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()})
        return network.eval()
