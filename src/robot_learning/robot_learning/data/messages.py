"""Reads ROS messages into arrays without ROS; those of every control tick are in data/cdr.py.

Every function looks at fields only, so that messages of rclpy, of the rosbags library (which hands out numpy arrays) and plain
namespaces in tests are read by the same lines. What is malformed raises BadMessage; nothing non-finite gets past this door.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_learning.core.types import Array, LinearGaussian

Image = NDArray[np.uint8]
MAX_GAINS = 20_000_000  # numbers in one controller: 160 MB
_ENCODINGS = {  # encoding: (dtype, channels)
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "rgba8": ("u1", 4),
    "bgra8": ("u1", 4),
    "mono8": ("u1", 1),
    "8UC1": ("u1", 1),
    "8UC3": ("u1", 3),
    "mono16": ("u2", 1),
}


class BadMessage(ValueError):
    """A message that must not be used. `kind` is a word to count by; the text says what is wrong."""

    def __init__(self, kind: str, text: str) -> None:
        """`kind` is one of "bytes", "names", "length", "non_finite", "shape", "encoding", "frame", "stamp", "mode"."""
        super().__init__(text)
        self.kind = kind


class Keypoints(NamedTuple):
    """Feature points of one image, in the camera's optical frame."""

    stamp_ns: int
    frame: str
    points: Array  # (k, 2), u right and v down in [-1, 1]
    confidence: Array  # (k,), 0 to 1


class VersionedController(NamedTuple):
    """A local controller as it travels."""

    id: str
    version: int
    controller: LinearGaussian  # K (T, du, dx), k (T, du), covariance (T, du, du)


def stamp_ns(time: Any) -> int:
    """A builtin_interfaces/Time in nanoseconds."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def _numbers(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64)


def image(message: Any) -> Image:
    """A sensor_msgs/Image as (h, w, 3) rgb; a fresh array. 16-bit grey keeps its upper byte."""
    if message.encoding not in _ENCODINGS:
        raise BadMessage("encoding", f"image encoding {message.encoding!r}; known are {', '.join(_ENCODINGS)}")
    dtype, channels = _ENCODINGS[message.encoding]
    kind = np.dtype(dtype).newbyteorder(">" if message.is_bigendian else "<")
    height, width, step = int(message.height), int(message.width), int(message.step)
    if not (height and width) or step < width * channels * kind.itemsize or step % kind.itemsize:
        raise BadMessage("shape", f"image {width}x{height} {message.encoding} with step {step}")
    if len(message.data) != height * step:
        raise BadMessage("length", f"image {width}x{height} with step {step} has {len(message.data)} bytes, not {height * step}")
    rows = np.frombuffer(message.data, dtype=kind).reshape(height, step // kind.itemsize)
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    if channels == 1:
        grey = pixels if kind.itemsize == 1 else (pixels >> 8)
        return np.repeat(grey.astype(np.uint8), 3, axis=2)
    order = [2, 1, 0] if message.encoding.startswith("bgr") else [0, 1, 2]
    return np.ascontiguousarray(pixels[:, :, order])


def keypoints(message: Any) -> Keypoints:
    """A Keypoints message."""
    points = np.stack([_finite(message.u, "u"), _finite(message.v, "v")], axis=-1) if len(message.u) == len(message.v) else None
    confidence = _finite(message.confidence, "confidence")
    if points is None or len(confidence) != len(points):
        raise BadMessage("length", f"{len(message.u)} u, {len(message.v)} v and {len(confidence)} confidences")
    return Keypoints(stamp_ns(message.header.stamp), str(message.header.frame_id), points, confidence)


def _finite(values: Any, what: str) -> Array:
    array = _numbers(values)
    if not np.isfinite(array).all():
        raise BadMessage("non_finite", f"{what} is not finite")
    return array


def linear_gaussian(message: Any) -> VersionedController:
    """A LinearGaussianController message; the covariances must be symmetric and positive definite."""
    T, dx, du = int(message.horizon), int(message.state_dim), int(message.action_dim)
    if not (T and dx and du) or T * du * (dx + du + 1) > MAX_GAINS:
        raise BadMessage("shape", f"controller with horizon {T}, state_dim {dx}, action_dim {du}")
    shapes: dict[str, Sequence[int]] = {"gains": (T, du, dx), "feedforward": (T, du), "covariance": (T, du, du)}
    arrays = {}
    for field, shape in shapes.items():
        array = _finite(getattr(message, field), field)
        if array.size != np.prod(shape):
            raise BadMessage("length", f"controller: {field} has {array.size} numbers, not {' x '.join(map(str, shape))}")
        arrays[field] = array.reshape(shape).copy()
    covariance = arrays["covariance"]
    if not np.allclose(covariance, np.swapaxes(covariance, -1, -2), rtol=1e-6, atol=1e-12):
        raise BadMessage("shape", "controller: covariance is not symmetric")
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise BadMessage("shape", "controller: covariance is not positive definite") from None
    controller = LinearGaussian(arrays["gains"], arrays["feedforward"], covariance)
    return VersionedController(str(message.id), int(message.version), controller)
