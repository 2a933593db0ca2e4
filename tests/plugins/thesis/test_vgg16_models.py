"""The convolutions of HED, converted to torchvision's VGG16."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ferbench_thesis.vgg16 import VGG16
from ferbench_thesis.vgg16_models import CONVOLUTIONS, convert_hed

h5py = pytest.importorskip("h5py")
WIDTHS = {1: 4, 2: 5, 3: 6, 4: 7, 5: 8}
MEAN = np.array([104.00699, 116.66877, 122.67892], np.float32)  # of BGR, which HED's own code subtracts


@pytest.fixture
def file(tmp_path):
    """A file of HED's layout with fewer channels."""
    generator, channels = np.random.default_rng(0), 3
    with h5py.File(tmp_path / "hed.h5", "w") as content:
        for block, numbers in CONVOLUTIONS.items():
            for position in range(len(numbers)):
                layer = content.create_group(f"block{block}/layers/conv2d{f'_{position}' if position else ''}/vars")
                layer["0"] = generator.normal(size=(3, 3, channels, WIDTHS[block])).astype(np.float32)
                layer["1"] = generator.normal(size=WIDTHS[block]).astype(np.float32)
                channels = WIDTHS[block]
    return tmp_path / "hed.h5"


def test_the_first_convolution_answers_normalized_rgb_as_hed_answers_its_own_input(file):
    """HED, from its formula: BGR from 0 to 255 minus a mean, kernels [h,w,in,out]."""
    picture = np.random.default_rng(1).integers(0, 256, (6, 6, 3)).astype(np.float32)  # RGB
    with h5py.File(file) as content:
        kernel, bias = content["block1/layers/conv2d/vars/0"][:], content["block1/layers/conv2d/vars/1"][:]
    own = picture[..., ::-1] - MEAN
    expected = [[(own[y : y + 3, x : x + 3, :, None] * kernel).sum((0, 1, 2)) + bias for x in range(4)] for y in range(4)]
    state = convert_hed(file)
    normalized = (torch.from_numpy(picture / 255) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    answer = F.conv2d(normalized.permute(2, 0, 1)[None], state["features.0.weight"], state["features.0.bias"])
    assert torch.allclose(answer[0].permute(1, 2, 0), torch.tensor(np.array(expected)), rtol=1e-3, atol=0.05)


def test_all_convolutions_have_torchvision_s_names_and_shapes(file):
    from torchvision.models import vgg16

    real = {name: value for name, value in vgg16().state_dict().items() if name.startswith("features.")}
    state = convert_hed(file)
    assert state.keys() == real.keys()
    assert [state[name].ndim for name in real] == [value.ndim for value in real.values()]


def test_a_later_convolution_is_only_transposed(file):
    with h5py.File(file) as content:
        kernel = content["block5/layers/conv2d_2/vars/0"][:]
    assert torch.equal(convert_hed(file)["features.28.weight"], torch.from_numpy(kernel.transpose(3, 2, 0, 1)))


def test_what_it_was_trained_on():
    assert VGG16(weights="hed").trained_on() == "ImageNet-1k, then the edges of BSDS500"
    assert VGG16(weights="calibrated-random").trained_on() == ""
