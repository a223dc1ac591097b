"""Reading messages without ROS: nothing malformed gets through."""

from types import SimpleNamespace as Message

import numpy as np
import pytest

from robot_learning.data.messages import BadMessage, image, keypoints, linear_gaussian, stamp_ns


def header(sec=1, nanosec=5, frame=""):
    return Message(stamp=Message(sec=sec, nanosec=nanosec), frame_id=frame)


def test_stamps_are_exact():
    assert stamp_ns(Message(sec=2_000_000_000, nanosec=999_999_999)) == 2_000_000_000_999_999_999


def picture(encoding, array_, step=None, bigendian=0):
    height, width = array_.shape[:2]
    data = array_.tobytes()
    return Message(encoding=encoding, height=height, width=width, step=step or len(data) // height, is_bigendian=bigendian, data=data)


RGB = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("8UC3", RGB),
        ("bgr8", RGB[:, :, ::-1]),
        ("rgba8", np.concatenate([RGB, RGB[:, :, :1]], axis=2)),
        ("bgra8", np.concatenate([RGB[:, :, ::-1], RGB[:, :, :1]], axis=2)),
    ],
)
def test_colour_images(encoding, pixels):
    read = image(picture(encoding, np.ascontiguousarray(pixels)))
    assert read.dtype == np.uint8
    assert np.array_equal(read, RGB)


@pytest.mark.parametrize(("encoding", "dtype", "bigendian"), [("mono8", "u1", 0), ("mono16", "<u2", 0), ("mono16", ">u2", 1)])
def test_grey_images(encoding, dtype, bigendian):
    grey = np.array([[1, 200], [3, 4], [5, 6]])
    stored = (grey * (256 if "16" in encoding else 1)).astype(dtype)
    assert np.array_equal(image(picture(encoding, stored, bigendian=bigendian)), np.repeat(grey[:, :, None], 3, axis=2))


def test_padding_at_the_end_of_rows_is_left_out():
    padded = np.zeros((2, 20), np.uint8)
    padded[:, :12] = RGB.reshape(2, 12)
    message = Message(encoding="rgb8", height=2, width=4, step=20, is_bigendian=0, data=padded.tobytes())
    assert np.array_equal(image(message), RGB)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"encoding": "yuv422"}, "encoding"),
        ({"step": 11}, "shape"),
        ({"height": 0}, "shape"),
        ({"width": 5}, "shape"),
        ({"data": b"123"}, "length"),
        ({"height": 3}, "length"),
    ],
)
def test_bad_images(change, kind):
    message = picture("rgb8", RGB)
    vars(message).update(change)
    with pytest.raises(BadMessage) as error:
        image(message)
    assert error.value.kind == kind


def test_keypoints():
    message = Message(header=header(frame="cam"), u=np.float32([0.5, -1]), v=np.float32([0.25, 1]), confidence=np.float32([1, 0]))
    read = keypoints(message)
    assert (read.stamp_ns, read.frame) == (1_000_000_005, "cam")
    assert read.points.tolist() == [[0.5, 0.25], [-1.0, 1.0]]
    message.v = np.float32([0.25])
    with pytest.raises(BadMessage, match="2 u, 1 v and 2"):
        keypoints(message)


def controller(**change):
    T, dx, du = 3, 4, 2
    covariance = np.tile(np.eye(du), (T, 1, 1))
    gains, feedforward = np.arange(T * du * dx, dtype=float), np.arange(T * du, dtype=float)
    fields = {"id": "c", "version": 2, "horizon": T, "state_dim": dx, "action_dim": du}
    return Message(**fields | {"gains": gains, "feedforward": feedforward, "covariance": covariance.ravel()} | change)


def test_controllers_are_row_major():
    read = linear_gaussian(controller())
    assert (read.id, read.version) == ("c", 2)
    assert read.controller.K[1, 0].tolist() == [8, 9, 10, 11]
    assert read.controller.k[2].tolist() == [4, 5]
    assert read.controller.covariance.shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"horizon": 0}, "horizon 0"),
        ({"horizon": 2**32 - 1}, "horizon 4294967295"),
        ({"horizon": 4}, "gains has 24 numbers, not 4 x 2 x 4"),
        ({"feedforward": np.full(6, np.nan)}, "feedforward is not finite"),
        ({"covariance": np.tile([1.0, 0.5, 0.0, 1.0], 3)}, "not symmetric"),
        ({"covariance": np.tile([1.0, 2.0, 2.0, 1.0], 3)}, "not positive definite"),
    ],
)
def test_bad_controllers(change, text):
    with pytest.raises(BadMessage, match=text):
        linear_gaussian(controller(**change))
