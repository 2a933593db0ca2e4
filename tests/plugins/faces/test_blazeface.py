"""BlazeFace and MediaPipe's detector: anchors, decoding, merging; and the real networks on real photographs, where these are."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from ferbench import FerbenchError, Frames, models
from ferbench.api.faces import link_faces, measure_overlaps
from ferbench_faces import networks
from ferbench_faces.blazeface import BlazeFace, MediaPipeFace, fit_into_square
from ferbench_faces.models import ALL, BLAZEFACE, FACE_LANDMARKER, YUNET
from ferbench_faces.ssd import decode, make_anchors, merge_overlapping
from ferbench_faces.yunet import YuNet

DETECTORS = {YuNet: YUNET, BlazeFace: BLAZEFACE, MediaPipeFace: FACE_LANDMARKER}


@pytest.mark.parametrize(("size", "count"), [(128, 896), (192, 2016)])
def test_anchors_are_two_then_six_at_each_place_of_two_grids(size, count):
    anchors = make_anchors(size)
    assert len(anchors) == count
    fine = (size // 8) ** 2 * 2
    assert (anchors[:2] == 4 / size).all()
    assert anchors[2].tolist() == [12 / size, 4 / size]  # x first
    assert (anchors[fine : fine + 6] == 8 / size).all()
    assert anchors[-1].tolist() == [1 - 8 / size] * 2


def test_boxes_and_points_are_relative_to_their_anchor():
    raw = np.zeros((896, 16), np.float32)
    raw[3] = [1, 2, 20, 30, *range(12)]
    face = decode(raw, 128)[3] * 128
    assert face[0].tolist() == [12 + 1 - 10, 4 + 2 - 15]
    assert face[1].tolist() == [20, 30]
    assert face[2:].tolist() == [[12 + x, 4 + x + 1] for x in range(0, 12, 2)]


def test_overlapping_faces_are_blended_and_others_stay():
    faces = np.zeros((4, 8, 2))
    faces[:, 1] = 0.2
    faces[:, 0] = [[0.1, 0.1], [0.7, 0.7], [0.12, 0.1], [0.7, 0.1]]
    faces[0, 2], faces[2, 2] = 0.3, 0.6
    merged, scores = merge_overlapping(faces, np.array([0.6, 0.9, 0.3, 0.7]))
    assert scores.tolist() == [0.9, 0.7, 0.6]
    assert merged[:2, 0] == pytest.approx(np.array([[0.7, 0.7], [0.7, 0.1]]))
    assert merged[2, 0] == pytest.approx([(0.1 * 0.6 + 0.12 * 0.3) / 0.9, 0.1])
    assert merged[2, 2] == pytest.approx([0.4, 0.4])


def test_no_faces_stay_none():
    merged, scores = merge_overlapping(np.zeros((0, 8, 2)), np.zeros(0))
    assert (merged.shape, scores.shape) == ((0, 8, 2), (0,))


@pytest.mark.parametrize("shape", [(100, 50), (50, 100, 3), (300, 300), (1, 400, 3)])
def test_a_frame_lies_in_the_middle_of_a_black_square(shape):
    square, scale, corner = fit_into_square(np.full(shape, 255, np.uint8), 128)
    rows, columns = np.nonzero(square[..., 0])
    assert square.shape == (128, 128, 3)
    assert (columns.min(), rows.min()) == tuple(corner)
    assert scale == 128 / max(shape[:2])
    assert abs((128 - columns.max() - 1) - corner[0]) <= 1
    assert abs((128 - rows.max() - 1) - corner[1]) <= 1


class FakeNetwork:
    """Answers with one face around the anchor at the center of the input."""

    def setInput(self, batch):  # noqa: N802 (OpenCV's name)
        self.batch = batch

    def forward(self, names):
        assert names == ("classificators", "regressors")
        size = self.batch.shape[-1]
        anchor = int(np.abs(make_anchors(size) - 0.5).sum(1).argmin())
        x, y = make_anchors(size)[anchor] * size
        logits, raw = np.full((1, len(make_anchors(size)), 1), -200, np.float32), np.zeros((1, len(make_anchors(size)), 16), np.float32)
        logits[0, anchor] = 3
        raw[0, anchor, :8] = [size / 2 - x, size / 2 - y, 20, 20, size / 2 - x - 5, size / 2 - y, size / 2 - x + 5, size / 2 - y]
        return logits, raw


@pytest.mark.parametrize(("detector", "size"), [(BlazeFace(), 128), (MediaPipeFace(), 192)])
@pytest.mark.parametrize("shape", [(256, 512), (512, 256, 3), (64, 64, 3)])
def test_faces_are_in_pixels_of_the_frame(monkeypatch, detector, size, shape):
    fake = FakeNetwork()
    monkeypatch.setattr(networks, "_load", lambda *_: fake)
    faces = detector.detect_faces(np.full(shape, 255, np.uint8))
    height, width = shape[:2]
    side = 20 * max(shape[:2]) / size
    assert faces.boxes == pytest.approx(np.array([[width / 2 - side / 2, height / 2 - side / 2, side, side]]), abs=1e-3)
    assert faces.eyes == pytest.approx(np.array([[[width / 2 - side / 4, height / 2], [width / 2 + side / 4, height / 2]]]), abs=1e-3)
    assert faces.scores == pytest.approx([1 / (1 + np.exp(-3))])
    assert (fake.batch.min(), fake.batch.max()) == (1 if shape[0] == shape[1] else -1, 1)


def test_each_thread_has_its_own_network(monkeypatch, tmp_path):
    (tmp_path / "any.tflite").write_bytes(b"any")
    monkeypatch.setattr(models, "find", lambda model: tmp_path / "any.tflite")
    monkeypatch.setattr(cv2.dnn, "readNetFromTFLite", lambda content: object())
    networks._load.cache_clear()
    loaded = [networks.get_network(BLAZEFACE), networks.get_network(BLAZEFACE)]
    other = threading.Thread(target=lambda: loaded.append(networks.get_network(BLAZEFACE)))
    other.start()
    other.join()
    networks._load.cache_clear()
    assert loaded[0] is loaded[1]
    assert loaded[0] is not loaded[2]


def test_an_opencv_that_cannot_load_a_network_is_one_clear_error(monkeypatch, tmp_path):
    (tmp_path / "any.tflite").write_bytes(b"any")
    monkeypatch.setattr(models, "find", lambda model: tmp_path / "any.tflite")
    with pytest.raises(FerbenchError, match=r"cannot load .*any\.tflite") as error:
        networks.get_network(BLAZEFACE)
    assert "opencv-python" in error.value.hint


@pytest.mark.parametrize("step", DETECTORS)
def test_without_the_model_the_error_says_how_to_get_it(monkeypatch, tmp_path, step):
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    networks._load.cache_clear()
    monkeypatch.setattr("ferbench.api.models._installed_file", lambda model: ())
    with pytest.raises(FerbenchError, match=f"the model {DETECTORS[step].name} ") as error:
        step()(Frames((np.zeros((50, 50), np.uint8),)))
    assert f"ferbench weights get {DETECTORS[step].name}" in error.value.hint


def test_the_files_are_registered():
    from ferbench.registry.plugins import load_plugins

    known = load_plugins().models
    assert [known[model.name] for model in ALL] == list(ALL)


@pytest.fixture
def real(london, monkeypatch):
    """The folder of the photographs, which may have the models beside it."""
    monkeypatch.setenv("FERBENCH_DATA", str(london))
    networks._load.cache_clear()
    return london


def load_image(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.mark.slow
@pytest.mark.parametrize("step", DETECTORS)
def test_every_real_photograph_has_one_face_with_eyes_in_it(real, step):
    if models.locate(DETECTORS[step]) is None:
        pytest.skip(f"the model {DETECTORS[step].name} is not here")
    paths = sorted((real / "london").glob("*_front/[0-9]*.jpg"))
    found = [step().detect_faces(load_image(path)) for path in paths]
    assert [len(faces) for faces in found] == [1] * 142
    boxes, eyes = np.concatenate([faces.boxes for faces in found]), np.concatenate([faces.eyes for faces in found])
    assert (eyes[:, 0, 0] < eyes[:, 1, 0]).all()
    places = (eyes - boxes[:, None, :2]) / boxes[:, None, 2:]  # shares of the box
    assert places[..., 1].min() > 0.1
    assert places[..., 1].max() < 0.55
    assert 0.3 < np.mean(places[:, 1, 0] - places[:, 0, 0]) < 0.6


def load_video(path):
    video, images = cv2.VideoCapture(str(path)), []
    while (frame := video.read())[0]:
        images.append(cv2.cvtColor(frame[1], cv2.COLOR_BGR2RGB))
    return images or pytest.skip(f"{path} is not here")


@pytest.mark.slow
@pytest.mark.parametrize("step", DETECTORS)
def test_two_people_in_a_real_video_stay_apart(real, step):
    if models.locate(DETECTORS[step]) is None:
        pytest.skip(f"the model {DETECTORS[step].name} is not here")
    images = load_video(real / "videos" / "head-pose-face-detection-female-and-male.gif")
    found = [step().detect_faces(image) for image in images]
    people = [dict(zip(numbers, faces.boxes[:, 0], strict=True)) for numbers, faces in zip(link_faces(found), found, strict=True)]
    assert all(set(numbers) == {0, 1} for numbers in people)
    assert len({numbers[0] < numbers[1] for numbers in people}) == 1  # one on the left, one on the right
    followed = step()(Frames(tuple(images)))
    assert followed.has_face == (True,) * len(images)
    assert np.ptp([box[0] for box in followed.boxes]) < 60
    fewer = step(every=5)(Frames(tuple(images)))
    assert np.diag(measure_overlaps(np.array(fewer.boxes, float), np.array(followed.boxes, float))).mean() > 0.9
