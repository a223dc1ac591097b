"""Images in, keypoints out, over DDS."""

import numpy as np
import pytest
import torch
from robot_learning_interfaces.msg import Keypoints
from sensor_msgs.msg import Image

from robot_learning.models import weights
from robot_learning.models.keypoints import KeypointNetwork
from robot_learning.nodes import messages, qos
from robot_learning.robots.camera import CameraConfig, config_hash
from robot_learning.run.config import named_file, read

pytestmark = pytest.mark.ros
DOMAIN = 34
CAMERA = read(CameraConfig, named_file("cameras", "front64"))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return KeypointNetwork(CAMERA.height, CAMERA.width).eval()


@pytest.fixture
def file(network, tmp_path):
    path = tmp_path / "keypoints.safetensors"
    manifest = network.manifest(config_hash(CAMERA)) | {"policy": "keypoints", "version": 1}
    weights.store(path, weights.pack(network.tensors(), manifest))
    return path


def test_keypoints_carry_the_stamp_and_frame_of_their_image(start, peer, network, file):
    start("perception", camera="front64", weights=str(file), clock="lockstep")
    images = peer.node.create_publisher(Image, "/front64/image_raw", qos.IMAGE_WRITER)
    found = []
    subscription = peer.node.create_subscription(Keypoints, "/keypoints", found.append, qos.RECORDER_READER)
    peer.matched(images)
    assert peer.until(lambda: peer.node.count_publishers("/keypoints"))
    rng = np.random.default_rng(0)
    for index in range(5):
        pixels = rng.integers(0, 255, (CAMERA.height, CAMERA.width, 3), dtype=np.uint8)
        stamp = 1_700_000_000_000_000_001 + index
        images.publish(messages.to_image(np.zeros((8, 8, 3), np.uint8), 1, "small"))
        images.publish(messages.to_image(pixels, stamp, CAMERA.optical_frame))
        assert peer.until(lambda count=index: len(found) > count), "no keypoints"
        value = messages.keypoints(found[-1])
        points, confidence = network.locate(pixels)
        assert (value.stamp_ns, value.frame) == (stamp, "front64_optical_frame")
        assert value.points == pytest.approx(points, abs=1e-6)
        assert value.confidence == pytest.approx(confidence, abs=1e-6)
    assert subscription


def test_bad_weights_are_one_line(fails, file, network):
    code, text = fails("perception", camera="front64", weights="nowhere.safetensors")
    assert (code, "weights: nowhere.safetensors: No such file" in text, text.count("\n")) == (2, True, 1)
    data = bytearray(file.read_bytes())
    data[-5] ^= 4
    file.write_bytes(data)
    code, text = fails("perception", camera="front64", weights=str(file))
    assert (code, "digest" in text, text.count("\n")) == (2, True, 1)
    other = weights.pack(network.tensors(), network.manifest("0" * 64) | {"policy": "keypoints", "version": 1})
    file.write_bytes(other)
    code, text = fails("perception", camera="front64", weights=str(file))
    assert (code, "another camera than config/cameras/front64.yaml" in text) == (2, True)


def test_a_device_that_is_not_there_is_one_line(fails, file):
    code, text = fails("perception", camera="front64", weights=str(file), device="tpu")
    assert (code, "parameter device: 'tpu'" in text, text.count("\n")) == (2, True, 1)
