"""Steps that find landmarks, and blendshapes: geometry with fake networks, and the real ones on real photographs, where these are."""

from __future__ import annotations

import json
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch

from ferbench import FerbenchError, Frames, models
from ferbench_faces import networks
from ferbench_faces.alignment import Align
from ferbench_faces.backbone import BlendshapeBackbone
from ferbench_faces.blazeface import MediaPipeFace
from ferbench_faces.blendshapes import INPUTS, NAMES
from ferbench_faces.face_api import _convolve, _dense_block, forward, locate_points
from ferbench_faces.landmarker import FaceLandmarker, _enclose, _find, _measure_tilt, _turn
from ferbench_faces.landmarks import LandmarkStep, locate_eyes
from ferbench_faces.landmarks68 import FaceAPILandmarks
from ferbench_faces.models import FACE_API_LANDMARKS, FACE_API_LANDMARKS_MANIFEST, FACE_LANDMARKER
from ferbench_faces.quantized import read_quantized


@dataclass(frozen=True)
class Corners(LandmarkStep):
    """Five points: the corners of the box, and the brightness of the image."""

    name = "corners"

    def find_landmarks(self, image, box, eyes):
        assert image.ndim == 3
        x, y, width, height = box
        return np.array([[x, y], [x + width, y], [x, y + height], [x + width, y + height], [image[0, 0, 0], 0]], float)


def frames_with(has_face, boxes, **more):
    images = tuple(np.full((50, 60), 10 * number, np.uint8) for number in range(len(boxes)))
    return Frames(images, boxes=tuple(boxes), has_face=tuple(has_face), **more)


def test_landmarks_replace_those_of_the_corpus_and_locate_the_eyes():
    frames = frames_with([True, True], [(1, 2, 10, 10), (3, 4, 20, 20)], landmarks=np.zeros((2, 68, 2), np.float32))
    found = Corners()(frames)
    assert found.landmarks.shape == (2, 5, 2)
    assert found.landmarks.dtype == np.float32
    assert found.landmarks[1].tolist() == [[3, 4], [23, 4], [3, 24], [23, 24], [10, 0]]
    assert found.eyes.tolist() == [[[1, 2], [11, 2]], [[3, 4], [23, 4]]]
    assert found.boxes == frames.boxes


def test_a_frame_without_a_face_takes_the_median_landmarks_of_the_others():
    boxes = [(0, 0, 10, 10), (50, 40, 1, 1), (4, 2, 10, 10), (2, 8, 10, 10)]
    found = Corners()(frames_with([True, False, True, True], boxes))
    assert found.landmarks[1].tolist() == [[2, 2], [12, 2], [2, 12], [12, 12], [20, 0]]
    assert found.eyes[1].tolist() == [[2, 2], [12, 2]]


def test_without_any_face_whole_frames_are_searched_and_eyes_stay_unknown():
    found = Corners()(frames_with([False, False], [(0, 0, 60, 50)] * 2))
    assert found.landmarks[1].tolist() == [[0, 0], [60, 0], [0, 50], [60, 50], [10, 0]]
    assert np.isnan(found.eyes).all()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (Frames((np.zeros((9, 9), np.uint8),)), "corners got frames without boxes"),
        (frames_with([True], [(0, 0, 5, 5)], is_resized=True), "corners got cropped or resized frames"),
    ],
)
def test_the_error_says_where_the_step_belongs(frames, message):
    with pytest.raises(FerbenchError, match=message) as error:
        Corners()(frames)
    assert "right after a detector" in error.value.hint


@pytest.mark.parametrize(("count", "left", "right"), [(5, [0], [1]), (68, range(36, 42), range(42, 48)), (478, [33, 133], [362, 263])])
def test_faces_are_aligned_by_any_known_landmarks(count, left, right):
    marks = np.zeros((1, count, 2), np.float32)
    marks[:, list(left)], marks[:, list(right)] = (50, 60), (90, 80)
    image = np.zeros((120, 160), np.uint8)
    for x, y in ((50, 60), (90, 80)):
        cv2.circle(image, (x, y), 3, 255, -1)
    (aligned,) = Align(100)(Frames((image,), landmarks=marks)).images
    _, _, _, centers = cv2.connectedComponentsWithStats((aligned > 100).astype(np.uint8))
    assert np.array(sorted(centers[1:].tolist())) == pytest.approx(np.array([[30, 35], [70, 35]]), abs=1)


class Spot:
    """A network whose landmarks are all at the center of the bright spot of its input."""

    def setInput(self, batch):  # noqa: N802 (OpenCV's name)
        assert batch.shape == (1, 3, 256, 256)
        self.batch = batch

    def forward(self, name):
        assert name == "Identity"
        rows, columns = np.nonzero(self.batch[0, 1] > 0.5)
        return np.tile([columns.mean(), rows.mean(), 7], 478).astype(np.float32).reshape(1, 1434, 1, 1)


@pytest.mark.parametrize("tilt", [0.0, 0.6, -2.0])
@pytest.mark.parametrize(("center", "side"), [((100, 90), 60), ((80, 100), 150)])
def test_points_of_the_network_are_taken_back_to_the_image(monkeypatch, tilt, center, side):
    monkeypatch.setattr(networks, "_load", lambda *_: Spot())
    image = np.zeros((200, 240, 3), np.uint8)
    cv2.circle(image, (110, 85), 5, (255, 255, 255), -1)
    assert _find(image, np.array(center), side, tilt)[400] == pytest.approx([110, 85], abs=0.5)


def test_a_tilted_square_encloses_the_points():
    corners = np.array([[0, 0], [4, 0], [4, 2], [0, 2]], float)
    for tilt in (0.0, 0.5, 2.0):
        points = corners @ _turn(tilt) + 30  # turned away by the tilt
        center, side = _enclose(points, tilt)
        assert center == pytest.approx(points.mean(0))
        assert side == pytest.approx(4)
        assert _measure_tilt(points[:2]) == pytest.approx(tilt)


def naive_convolution(x, depthwise, pointwise, bias, stride):
    """TensorFlow's separable convolution with "same" padding, pixel by pixel; [H,W,C]."""
    size = -(-x.shape[0] // stride)
    before = max((size - 1) * stride + 3 - x.shape[0], 0) // 2
    padded = np.zeros((x.shape[0] + 4, x.shape[1] + 4, x.shape[2]))
    padded[before : before + x.shape[0], before : before + x.shape[1]] = x
    out = np.zeros((size, size, pointwise.shape[3]))
    for i in range(size):
        for j in range(size):
            window = padded[i * stride : i * stride + 3, j * stride : j * stride + 3]
            out[i, j] = (window * depthwise[..., 0]).sum((0, 1)) @ pointwise[0, 0] + bias
    return out


def draw_state(inputs, outputs, seed=0):
    rng = np.random.default_rng(seed)
    state = {}
    for name, width in (("conv0", inputs), ("conv1", outputs), ("conv2", outputs), ("conv3", outputs)):
        state[f"{name}/depthwise_filter"] = rng.normal(size=(3, 3, width, 1)).astype(np.float32)
        state[f"{name}/pointwise_filter"] = rng.normal(size=(1, 1, width, outputs)).astype(np.float32) / 4
        state[f"{name}/bias"] = rng.normal(size=outputs).astype(np.float32)
    return state


def to_torch(array):
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)[None], np.float32))


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_are_those_of_tensorflow(stride):
    x, state = np.random.default_rng(1).normal(size=(8, 8, 3)), draw_state(3, 5)
    expected = naive_convolution(x, state["conv0/depthwise_filter"], state["conv0/pointwise_filter"], state["conv0/bias"], stride)
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    assert _convolve(to_torch(x), tensors, "conv0", stride)[0].permute(1, 2, 0).numpy() == pytest.approx(expected, abs=1e-4)


def test_each_convolution_of_a_block_reads_the_sum_of_those_before():
    x, state = np.random.default_rng(1).normal(size=(8, 8, 3)), draw_state(3, 5)

    def convolve(y, name, stride=1):
        return naive_convolution(y, *(state[f"{name}/{part}"] for part in ("depthwise_filter", "pointwise_filter", "bias")), stride)

    first = np.maximum(convolve(x, "conv0", 2), 0)
    second = convolve(first, "conv1")
    third = convolve(np.maximum(first + second, 0), "conv2")
    fourth = convolve(np.maximum(first + second + third, 0), "conv3")
    expected = np.maximum(first + second + third + fourth, 0)
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    assert _dense_block(to_torch(x), tensors)[0].permute(1, 2, 0).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-3)


def quantize(tmp_path, monkeypatch, extra=b""):
    manifest = [
        {
            "weights": [
                {"name": "a", "shape": [2, 2], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
                {"name": "b", "shape": [2], "dtype": "float32"},
            ]
        }
    ]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "model.bin").write_bytes(bytes([0, 2, 4, 255]) + np.array([3.5, -1], np.float32).tobytes() + extra)
    monkeypatch.setattr(models, "find", lambda model: tmp_path / "manifest.json")
    return tmp_path / "model.bin"


def test_bytes_stand_for_numbers_between_a_minimum_and_a_maximum(tmp_path, monkeypatch):
    state = read_quantized(quantize(tmp_path, monkeypatch))
    assert state["a"].tolist() == [[-1, 0], [1, 126.5]]
    assert state["b"].tolist() == [3.5, -1]


def test_a_file_of_another_size_than_its_manifest_says_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(FerbenchError, match="has 13 bytes, but its manifest describes 12"):
        read_quantized(quantize(tmp_path, monkeypatch, b"x"))


@pytest.mark.parametrize(("box", "origin", "size"), [((10, 20, 30, 20), (10, 20), (30, 20)), ((-5, 40, 30, 20), (0, 40), (25, 10))])
def test_the_68_points_are_shares_of_the_box_within_the_frame(monkeypatch, box, origin, size):
    seen = []
    monkeypatch.setattr("ferbench_faces.face_api.locate_points", lambda square: seen.append(square) or np.full((68, 2), 0.5, np.float32))
    found = FaceAPILandmarks().find_landmarks(np.zeros((50, 60, 3), np.uint8), box, None)
    assert found[7] == pytest.approx(np.array(origin) + np.array(size) / 2)
    assert seen[0].shape == (112, 112, 3)


class FakeBlendshapes:
    """Answers with the sums of its input, 52 times."""

    def setInput(self, batch):  # noqa: N802 (OpenCV's name)
        assert batch.shape == (1, 146, 2)
        self.batch = batch

    def forward(self):
        return np.full((52, 1), self.batch.sum(), np.float32)


def test_blendshapes_are_computed_from_146_of_the_landmarks(monkeypatch):
    monkeypatch.setattr(networks, "_load", lambda *_: FakeBlendshapes())
    backbone = BlendshapeBackbone()
    landmarks = torch.zeros(3, 478, 2)
    landmarks[:, list(INPUTS), 0] = torch.tensor([1.0, 2.0, 3.0])[:, None]
    shapes = backbone.frozen().build(None)(landmarks)
    assert shapes.shape == (3, len(NAMES)) == (3, 52)
    assert shapes[:, 0].tolist() == [146, 292, 438]
    assert backbone.trained_on()
    assert len(set(INPUTS)) == 146


def test_blendshapes_of_other_landmarks_are_an_error():
    with pytest.raises(FerbenchError, match="blendshapes need 478 landmarks, but frames have 68") as error:
        BlendshapeBackbone().frozen().build(None)(torch.zeros(3, 68, 2))
    assert "face-landmarker" in error.value.hint


@pytest.fixture(scope="module")
def photographs(london):
    """Frames with faces of all 142 photographs, and which of them smile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_DATA", str(london))
        if any(models.locate(model) is None for model in (FACE_LANDMARKER, FACE_API_LANDMARKS, FACE_API_LANDMARKS_MANIFEST)):
            pytest.skip("the models of landmarks are not here")
        networks._load.cache_clear()
        paths = sorted((london / "london").glob("*_front/[0-9]*.jpg"))
        images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
        yield [MediaPipeFace()(Frames((image,))) for image in images], np.array(["smiling" in path.parent.name for path in paths])


def area_under_curve(scores, positive):
    wins = scores[positive][:, None] > scores[~positive][None]
    return wins.mean()


@pytest.mark.slow
def test_real_blendshapes_tell_smiles_from_neutral_faces(photographs):
    frames, smiling = photographs
    landmarks = np.concatenate([FaceLandmarker()(each).landmarks for each in frames])
    shapes = BlendshapeBackbone().frozen().build(None)(torch.from_numpy(landmarks)).numpy()
    scores = shapes[:, NAMES.index("mouthSmileLeft")] + shapes[:, NAMES.index("mouthSmileRight")]
    assert area_under_curve(scores, smiling) == pytest.approx(0.95, abs=0.01)
    eyes = np.concatenate([each.eyes for each in frames])
    distance = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    assert (np.linalg.norm(locate_eyes(landmarks) - eyes, axis=2).mean(1) / distance).max() < 0.25


@pytest.mark.slow
def test_real_landmarks_turn_with_the_photograph(photographs):
    frames = photographs[0][0]
    matrix = cv2.getRotationMatrix2D((256, 256), 35, 1.0)
    turned = cv2.warpAffine(frames.images[0], matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    found = FaceLandmarker()(MediaPipeFace()(Frames((turned,)))).landmarks[0]
    expected = FaceLandmarker()(frames).landmarks[0] @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(found - expected, axis=1).mean() < 3


@pytest.mark.slow
def test_the_real_68_points_widen_with_a_smile_and_have_the_eyes_in_their_place(photographs):
    frames, smiling = photographs
    landmarks = np.concatenate([FaceAPILandmarks()(each).landmarks for each in frames])
    eyes = np.concatenate([each.eyes for each in frames])
    distance = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    assert (np.linalg.norm(locate_eyes(landmarks) - eyes, axis=2).mean(1) / distance).mean() < 0.12
    assert area_under_curve(np.linalg.norm(landmarks[:, 54] - landmarks[:, 48], axis=1) / distance, smiling) > 0.9
    assert forward(torch.zeros(2, 3, 112, 112), read_quantized(models.find(FACE_API_LANDMARKS))).shape == (2, 136)
    assert locate_points(np.zeros((112, 112, 3), np.uint8)).shape == (68, 2)
