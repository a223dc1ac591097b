"""Spatial softmax: axes, range, temperature; and files of weights."""

import numpy as np
import pytest
import torch

from robot_learning.models import weights
from robot_learning.models.keypoints import CHANNELS, OFFSET, SMALLEST, STRIDE, KeypointNetwork, SpatialSoftmax, pixel_coordinates


def test_pixel_coordinates_run_from_edge_to_edge():
    assert pixel_coordinates(4, 0, 1, 4).tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert pixel_coordinates(5, 2, 1, 1).tolist() == [0.0]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 8), (5, 0), (5, 8), (2, 3)])
def test_one_hot_pixel_gives_u_right_and_v_down(row, column):
    features = torch.zeros(1, 2, 6, 9)
    features[0, 1, row, column] = 100.0
    u, v = pixel_coordinates(9, 0, 1, 9), pixel_coordinates(6, 0, 1, 6)
    points, confidence = SpatialSoftmax()(features, u, v)
    assert points[0, 1].tolist() == pytest.approx([(2 * column + 1) / 9 - 1, (2 * row + 1) / 6 - 1], abs=1e-6)
    assert confidence[0, 1].item() == pytest.approx(1.0)
    assert points[0, 0].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)  # no preference: the middle
    assert confidence[0, 0].item() == pytest.approx(1 / 54)


def test_temperature_is_learnable_and_sharpens():
    softmax = SpatialSoftmax()
    features = torch.zeros(1, 1, 4, 4)
    features[0, 0, 1, 2] = 1.0
    coordinates = pixel_coordinates(4, 0, 1, 4)
    warm = softmax(features, coordinates, coordinates).confidence
    with torch.no_grad():
        softmax.log_temperature.fill_(-2.0)
    cold = softmax(features, coordinates, coordinates).confidence
    assert cold > warm
    cold.sum().backward()
    assert softmax.log_temperature.grad != 0.0


@pytest.mark.parametrize(("row", "column"), [(20, 20), (20, 44), (40, 24), (30, 50)])
def test_through_all_convolutions_a_bright_pixel_is_found_where_it_is(row, column):
    """Kernels that only pass their middle pixel on: the point must be that pixel's place in the image."""
    network = KeypointNetwork(64, 72)
    with torch.no_grad():
        for layer in network.convolutions[::2]:
            layer.weight.zero_()
            layer.bias.zero_()
            middle = layer.kernel_size[0] // 2
            layer.weight[:, 0, middle, middle] = 1.0
        network.softmax.log_temperature.fill_(-6.0)
    assert (column - OFFSET) % STRIDE == 1, "these pixels lie between the features' middles"
    image = np.zeros((64, 72, 3), np.uint8)
    image[row + 1, column + 1] = 255
    points, confidence = network.locate(image)
    assert points.shape == (CHANNELS[-1], 2)
    assert points[0].tolist() == pytest.approx([(2 * (column + 1) + 1) / 72 - 1, (2 * (row + 1) + 1) / 64 - 1], abs=1e-4)
    assert confidence[0] > 0.99


def test_the_network_is_that_of_the_paper():
    network = KeypointNetwork(240, 240)
    assert [tuple(layer.weight.shape) for layer in network.convolutions[::2]] == [(64, 3, 7, 7), (32, 64, 5, 5), (32, 32, 5, 5)]
    assert (len(network.u), len(network.v)) == (109, 109)
    with pytest.raises(ValueError, match="is the least"):
        KeypointNetwork(SMALLEST - 1, 64)


def test_a_file_gives_the_same_points_back(tmp_path):
    torch.manual_seed(0)
    network = KeypointNetwork(32, 40)
    path = tmp_path / "keypoints.safetensors"
    weights.store(path, weights.pack(network.tensors(), network.manifest("abc") | {"policy": "keypoints", "version": 1}))
    again = KeypointNetwork.from_tensors(*weights.load(path))
    image = np.random.default_rng(0).integers(0, 255, (32, 40, 3), dtype=np.uint8)
    for one, other in zip(network.locate(image), again.locate(image), strict=True):
        assert np.array_equal(one, other)
    assert np.abs(network.locate(image)[0]).max() <= 1.0


def test_weights_that_do_not_fit_are_named():
    tensors = {name: tensor.numpy() for name, tensor in KeypointNetwork(32, 40).tensors().items()}
    manifest = {"kind": "keypoints", "height": 32, "width": 40}
    with pytest.raises(ValueError, match=r"convolutions\.2\.weight.*shape \(1, 1\)"):
        KeypointNetwork.from_tensors(tensors | {"convolutions.2.weight": np.zeros((1, 1), np.float32)}, manifest)
    with pytest.raises(ValueError, match="softmax.log_temperature"):
        KeypointNetwork.from_tensors({name: t for name, t in tensors.items() if not name.startswith("softmax")}, manifest)
    with pytest.raises(ValueError, match="kind 'gaussian_policy'"):
        KeypointNetwork.from_tensors(tensors, manifest | {"kind": "gaussian_policy"})
