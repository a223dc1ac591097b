"""Finds the keypoints of each camera image."""

import sys
from pathlib import Path

import torch
from robot_learning_interfaces.msg import Keypoints
from sensor_msgs.msg import Image

from robot_learning.core.errors import UsageError, WorkFailed
from robot_learning.data.messages import Keypoints as Found
from robot_learning.models import weights
from robot_learning.models.device import chosen_device
from robot_learning.models.keypoints import KeypointNetwork
from robot_learning.nodes import messages, parameters, qos
from robot_learning.nodes.spin import GraphNode, run
from robot_learning.robots.camera import CameraConfig, config_hash
from robot_learning.run.config import named_file, read


def load_network(path: Path, camera: CameraConfig) -> KeypointNetwork:
    """The network in a safetensors file that was trained for `camera`; UsageError says what is wrong with it."""
    try:
        tensors, manifest = weights.load(path)
        network = KeypointNetwork.from_tensors(tensors, manifest)
    except (weights.Refused, WorkFailed) as error:
        raise UsageError(f"perception: parameter weights: {error}") from None
    except ValueError as error:
        raise UsageError(f"perception: parameter weights: {path}: {error}") from None
    if manifest["camera"] != config_hash(camera):
        raise UsageError(f"perception: parameter weights: {path}: trained for another camera than config/cameras/{camera.name}.yaml")
    return network


class Perception(GraphNode):
    """Images of one camera in, keypoints with the image's stamp and frame out."""

    def __init__(self) -> None:
        super().__init__("perception")
        given = parameters.declare(self, "camera", "weights", optional=("clock", "device"))
        camera = read(CameraConfig, named_file("cameras", given.camera))
        torch.set_num_threads(1)  # other processes of the graph need the other cores
        try:
            device = chosen_device(given.device)
        except UsageError as error:
            raise UsageError(f"perception: parameter {error}") from None
        self._network = load_network(Path(given.weights), camera).to(device)
        self._keypoints = self.create_publisher(Keypoints, "/keypoints", qos.CONTROL_WRITER)
        self.create_subscription(Image, f"/{camera.name}/image_raw", self._on_image, qos.image_reader(given.clock))

    def _on_image(self, message: Image) -> None:
        """A frame that is not what the network was trained on is never used."""
        try:
            pixels = messages.image(message)
        except messages.BadMessage as error:
            self.get_logger().warning(f"image not used: {error}", throttle_duration_sec=1.0)
            return
        size = (self._network.height, self._network.width)
        if pixels.shape[:2] != size:
            text = f"image not used: {pixels.shape[1]}x{pixels.shape[0]} pixels, {size[1]}x{size[0]} expected"
            self.get_logger().warning(text, throttle_duration_sec=1.0)
            return
        points, confidence = self._network.locate(pixels)
        stamp = messages.stamp_ns(message.header.stamp)
        self._keypoints.publish(messages.to_keypoints(Found(stamp, message.header.frame_id, points, confidence)))


def main() -> None:
    """Console entry."""
    sys.exit(run(Perception))


if __name__ == "__main__":
    main()
