"""Descriptors follow their definitions, and every classifier learns."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from networks import build

import ferbench_classic
from ferbench import FerbenchError
from ferbench.training.estimators import predict_scores
from ferbench_classic.backbones import HOG, LBP, Pixels
from ferbench_classic.classifiers import chi2
from ferbench_classic.patterns import lbp_histograms


def literal_codes(image, points, radius):
    """Ojala et al. 2002: a bit for each point of the circle that is not darker than the center; interpolated between pixels, 0 outside."""
    height, width = image.shape
    padded = np.zeros((height + 8, width + 8))
    padded[4:-4, 4:-4] = image
    for y in range(height):
        for x in range(width):
            bits = []
            for p in range(points):
                py = round(y - radius * np.sin(2 * np.pi * p / points), 5) + 4
                px = round(x + radius * np.cos(2 * np.pi * p / points), 5) + 4
                top, left = int(np.floor(py)), int(np.floor(px))
                fy, fx = py - top, px - left
                corners = padded[top : top + 2, left : left + 2]
                value = (corners * np.outer([1 - fy, fy], [1 - fx, fx])).sum()
                bits.append(value >= image[y, x] - 1e-9)
            yield tuple(bits)


def is_uniform(bits):
    return sum(one != two for one, two in zip(bits, (*bits[1:], bits[0]), strict=True)) <= 2


@pytest.mark.parametrize(("points", "radius"), [(8, 1.0), (8, 2.0)])
def test_histograms_count_patterns_as_defined(points, radius):
    image = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)
    histogram = lbp_histograms(image, points, [radius], 1) * image.size
    counts = Counter(bits if is_uniform(bits) else "other" for bits in literal_codes(image.astype(float), points, radius))
    assert len(histogram) == points * (points - 1) + 3
    assert histogram.round()[-1] == counts["other"]
    assert sorted(histogram.round()[:-1][histogram[:-1] > 0]) == sorted(count for bits, count in counts.items() if bits != "other")


def test_histograms_go_by_cell_in_rows():
    image = np.zeros((28, 28), np.uint8)
    image[:14, 14:] = np.random.default_rng(0).integers(0, 256, (14, 14))
    cells = lbp_histograms(image, 8, [1.0], 2).reshape(4, 59)
    assert cells.sum(1) == pytest.approx(1)
    assert (cells > 0).sum(1).argmax() == 1  # the noise is in the upper right cell


def test_contrast_changes_no_pattern():
    image = np.random.default_rng(1).integers(0, 100, (30, 30), np.uint8)
    assert (lbp_histograms(image, 8, [1.0], 3) == lbp_histograms(2 * image, 8, [1.0], 3)).all()


@pytest.mark.parametrize(
    ("backbone", "width"),
    [
        (LBP(), 49 * 59),
        (LBP(radii=(1.0, 3.0)), 2 * 49 * 59),
        (LBP(points=16, grid=3, size=64), 9 * 243),
        (HOG(), 7 * 7 * 4 * 9),
        (Pixels(size=10), 100),
    ],
)
def test_the_width_of_descriptors(backbone, width):
    declared = backbone.input()
    x = torch.rand(3, 1, declared.size, declared.size, generator=torch.Generator().manual_seed(0))
    features = backbone.frozen().build(None)(x)
    assert features.shape == (3, width)
    assert features.dtype == torch.float32
    assert not torch.equal(features[0], features[1])


def test_gradients_point_across_an_edge():
    edge = torch.zeros(1, 1, 112, 112)
    edge[..., 56:] = 1
    vertical = HOG(cell=8).frozen().build(None)(edge).reshape(-1, 9).sum(0)
    horizontal = HOG(cell=8).frozen().build(None)(edge.transpose(2, 3)).reshape(-1, 9).sum(0)
    assert vertical.argmax() == 0
    assert horizontal.argmax() == 4


@pytest.mark.parametrize(
    ("parameters", "count"),
    [({}, 3), ({"c": 2.0}, 1), ({"kernel": "chi2"}, 3), ({"classifier": "knn"}, 5), ({"classifier": "knn", "neighbors": 2}, 1),
     ({"classifier": "random-forest", "trees": 10}, 1), ({"classifier": "logistic-regression"}, 4), ({"kernel": "linear"}, 3)],
)  # fmt: skip
@pytest.mark.parametrize("classes", [2, 4])
def test_every_candidate_learns_and_its_scores_agree_with_its_predictions(parameters, count, classes):
    random = np.random.default_rng(0)
    y = np.arange(80) % classes
    x = np.abs(np.eye(classes)[y] + 0.15 * random.standard_normal((80, classes))).astype(np.float32)
    classifiers = Pixels(**parameters).trainable([str(c) for c in range(classes)]).build()
    assert len(classifiers) == count
    for classifier in classifiers:
        classifier.fit(x[:60], y[:60])
        scores = predict_scores(classifier, x[60:])
        assert scores.shape == (20, classes)
        assert scores.sum(1) == pytest.approx(1)
        assert (scores.argmax(1) == classifier.predict(x[60:])).all()
        assert (scores.argmax(1) == y[60:]).mean() > 0.7


def test_classifiers_share_descriptors():
    assert LBP(classifier="knn", c=3.0).frozen() == LBP().frozen()
    assert LBP(radii=(1.0,)).frozen() != LBP().frozen()


def test_the_plugin_registers_its_backbones():
    backbones = []
    ferbench_classic.register_backbones(backbones.append)
    assert [backbone.name for backbone in backbones] == ["lbp", "hog", "pixels", "lbp-top", "gradients-3d", "landmarks"]


def test_the_chi2_kernel_follows_its_formula():
    random = np.random.default_rng(0)
    x, y = random.random((3, 12)), random.random((4, 12))
    kernel = chi2(x, y)
    for i in range(3):
        for j in range(4):
            assert kernel[i, j] == pytest.approx(np.exp(-((x[i] - y[j]) ** 2 / (x[i] + y[j])).sum() / y.sum(1).mean()))


def test_a_block_larger_than_the_crop_is_refused():
    with pytest.raises(FerbenchError, match="2 cells of 60 pixels exceeds the crop of 112"):
        HOG(cell=60).frozen()


def test_knn_works_with_fewer_frames_than_neighbors():
    x = np.eye(3, dtype=np.float32)
    for classifier in Pixels(classifier="knn").trainable(["a", "b", "c"]).build():
        assert classifier.fit(x, [0, 1, 2]).predict_proba(x).shape == (3, 3)


def test_a_network_on_a_descriptor_learns():
    """A few steps of gradient descent on values of any scale."""
    y = torch.arange(60) % 3
    x = 0.001 * (torch.eye(3)[y] + 0.1 * torch.randn(60, 3, generator=torch.Generator().manual_seed(0)))
    torch.manual_seed(0)
    model = build(Pixels(classifier="mlp", hidden=32), (3,), "abc").train()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert (model.eval()(x).argmax(1) == y).float().mean() > 0.9
