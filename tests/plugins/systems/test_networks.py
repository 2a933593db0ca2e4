"""The ported networks, with made-up weights: padding and layouts as TensorFlow has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferbench_systems import face_api_network, mini_xception_network
from ferbench_systems.padding import pad_as_tensorflow


@pytest.mark.parametrize(("size", "kernel", "stride"), [(112, 3, 2), (15, 3, 2), (8, 3, 1), (60, 1, 2), (7, 3, 2)])
def test_padding_gives_the_size_that_tensorflow_gives(size, kernel, stride):
    padded = pad_as_tensorflow(torch.ones(1, 1, size, size), kernel, stride)
    assert (padded.shape[2] - kernel) // stride + 1 == -(-size // stride)
    before, after = int((padded[0, 0, :, padded.shape[3] // 2] == 0).sum()), padded.shape[2] - size
    assert before == after
    assert padded[0, 0, -1, -1] == (1 if after == 0 else 0), "of an odd number, the larger part comes last"


def manifest_of(network: torch.nn.Module) -> tuple[list[dict], bytes]:
    """A file of TensorFlow.js with random bytes that fits the network, and its manifest."""
    generator = np.random.default_rng(0)
    entries, content = [], b""
    for block in range(4):
        for number in range(4):
            module = network.get_submodule(f"blocks.{block}.conv{number}")
            is_plain = block == number == 0
            kernels = {"filters": module.weight} if is_plain else {
                "depthwise_filter": module.depthwise.weight, "pointwise_filter": module.pointwise.weight,
            }  # fmt: skip
            for name, kernel in kernels.items():
                shape = list(kernel.permute(2, 3, 0, 1).shape if name == "depthwise_filter" else kernel.permute(2, 3, 1, 0).shape)
                entries.append({"name": f"dense{block}/conv{number}/{name}", "shape": shape, "dtype": "float32",
                                "quantization": {"dtype": "uint8", "scale": 0.01, "min": -1.0}})  # fmt: skip
                content += generator.integers(0, 256, kernel.numel(), np.uint8).tobytes()
            bias = module.bias if is_plain else module.pointwise.bias
            entries.append({"name": f"dense{block}/conv{number}/bias", "shape": [len(bias)], "dtype": "float32"})
            content += generator.normal(size=len(bias)).astype(np.float32).tobytes()
    for name, shape in (("weights", [256, 7]), ("bias", [7])):
        entries.append({"name": f"fc/{name}", "shape": shape, "dtype": "float32"})
        content += generator.normal(size=shape).astype(np.float32).tobytes()
    return [{"weights": entries}], content


def test_all_tensors_of_face_api_find_their_place():
    network = face_api_network.ExpressionNetwork()
    manifest, content = manifest_of(network)
    tensors = face_api_network.split_tensors(content, manifest)
    built = face_api_network.build_network(face_api_network.name_tensors(tensors))
    first = tensors["dense0/conv0/filters"]
    assert first[1, 2, 0, 5] == pytest.approx(content[(1 * 3 + 2) * 3 * 32 + 5] * 0.01 - 1, abs=1e-6)
    assert built.blocks[0].conv0.weight[5, 0, 1, 2] == first[1, 2, 0, 5]
    assert torch.equal(built.blocks[2].conv1.depthwise.weight[9, 0], tensors["dense2/conv1/depthwise_filter"][:, :, 9, 0])
    assert torch.equal(built.fc.weight, tensors["fc/weights"].T)


def test_a_file_of_another_size_is_refused():
    manifest, content = manifest_of(face_api_network.ExpressionNetwork())
    with pytest.raises(ValueError, match="bytes of weights: expected"):
        face_api_network.split_tensors(content + b"x", manifest)


def test_a_block_reads_the_sums_of_what_came_before():
    """From the formula: out1 = relu(c0(x)); out2 = c1(out1); out3 = c2(relu(out1 + out2)); out4 = c3(relu(out1 + out2 + out3))."""
    torch.manual_seed(0)
    block, x = face_api_network.DenseBlock(3, 4, is_first=True), torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        one = torch.relu(block.conv0(torch.nn.functional.pad(x, (0, 1, 0, 1))))
        two = block.conv1(one)
        three = block.conv2(torch.relu(one + two))
        four = block.conv3(torch.relu(one + two + three))
        assert torch.allclose(block(x), torch.relu(one + two + three + four), atol=1e-6)


def test_a_keras_file_of_mini_xception_is_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    network = mini_xception_network.MiniXceptionModule()
    generator = np.random.default_rng(0)
    state = network.state_dict()
    with h5py.File(tmp_path / "keras.hdf5", "w") as file:
        for own, layer, kernel in mini_xception_network._convolutions():
            shape = state[f"{own}.weight"].permute(*((2, 3, 0, 1) if kernel == "depthwise_kernel" else (2, 3, 1, 0))).shape
            file[f"model_weights/{layer}/{layer}_1/{kernel}:0"] = generator.normal(size=shape).astype(np.float32)
        file["model_weights/conv2d_7/conv2d_7_1/bias:0"] = np.arange(7, dtype=np.float32)
        for number in range(1, 15):
            width = {1: 8, 2: 8}.get(number, 16 * 2 ** ((number - 3) // 3))
            for part in ("gamma", "beta", "moving_mean", "moving_variance"):
                values = generator.uniform(0.5, 1, width).astype(np.float32)
                file[f"model_weights/batch_normalization_{number}/batch_normalization_{number}_1/{part}:0"] = values
    built = mini_xception_network.build_network(mini_xception_network.read_layers(tmp_path / "keras.hdf5"))
    assert built.last.bias.tolist() == list(range(7))
    assert built(torch.zeros(2, 1, 64, 64)).shape == (2, 7)
