"""CLAHE, alignment by the eyes, and YuNet with a fake detector (its model is not shipped)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ferbench import Clip, FerbenchError, Frames
from ferbench.corpora.files import clip_files
from ferbench.stages.crops import preprocess
from ferbench.store.files import digest_file
from ferbench_basics.images import Resize
from ferbench_faces import yunet
from ferbench_faces.alignment import Align, similarity
from ferbench_faces.contrast import CLAHE
from ferbench_faces.yunet import YuNet


def test_clahe_is_opencv_s_and_keeps_colors():
    gray = np.random.default_rng(0).integers(90, 120, (64, 64), np.uint8)
    (result,) = CLAHE(3.0, 4)(Frames((gray,))).images
    assert (result == cv2.createCLAHE(3.0, (4, 4)).apply(gray)).all()
    assert result.std() > 2 * gray.std()
    flat = np.full((64, 64, 3), (200, 40, 40), np.uint8)
    (colors,) = CLAHE()(Frames((flat,))).images
    assert colors[..., 0].mean() > colors[..., 1].mean() + 80


def test_similarity_takes_two_points_to_their_targets():
    source, target = np.array([[10.0, 20.0], [30.0, 10.0]]), np.array([[5.0, 5.0], [15.0, 5.0]])
    matrix = similarity(source, target)
    assert np.allclose(np.hstack([source, np.ones((2, 1))]) @ matrix.T, target)
    assert np.linalg.det(matrix[:, :2]) > 0  # rotated and scaled, never mirrored


def test_similarity_agrees_with_complex_arithmetic():
    """The product with a complex number rotates and scales; corners of a frame of 640 x 480 pixels go to the same places within 1e-6."""
    random = np.random.default_rng(0)
    corners = np.array([[0, 0, 1], [640, 0, 1], [0, 480, 1], [640, 480, 1]])
    for _ in range(100):
        source, target = random.uniform(0, 480, (2, 2)).astype(np.float32), random.uniform(0, 224, (2, 2))
        (a, b), (c, d) = (complex(*map(float, point)) for point in source), (complex(*map(float, point)) for point in target)
        factor = (d - c) / (b - a)
        expected = [(factor * complex(x, y) + c - factor * a) for x, y, _ in corners]
        assert corners @ similarity(source, target).T == pytest.approx(np.array([(z.real, z.imag) for z in expected]), abs=1e-6, rel=0)


def spots(points, size=(120, 160)):
    image = np.zeros(size, np.uint8)
    for x, y in points:
        cv2.circle(image, (int(x), int(y)), 3, 255, -1)
    return image


def brightest(image):
    """Centers of the two spots, from left to right."""
    count, _, _, centers = cv2.connectedComponentsWithStats((image > 100).astype(np.uint8))
    assert count == 3
    return sorted(map(tuple, centers[1:].tolist()))


@pytest.mark.parametrize("eyes", [((50, 60), (90, 60)), ((50, 40), (90, 70)), ((60, 80), (75, 62))])
def test_eyes_end_up_level_at_their_places(eyes):
    frames = Frames((spots(eyes),), eyes=np.array([eyes], np.float32))
    aligned = Align(100, 0.4, 0.35)(frames)
    assert aligned.images[0].shape == (100, 100)
    assert aligned.eyes is None
    (left, right) = brightest(aligned.images[0])
    assert left == pytest.approx((30, 35), abs=1)
    assert right == pytest.approx((70, 35), abs=1)


def test_eyes_come_from_landmarks_and_a_frame_without_takes_the_others():
    eyes = ((50, 60), (90, 60))
    marks = np.zeros((2, 68, 2), np.float32)
    marks[:, 36:42], marks[:, 42:48] = eyes
    images = Align(100)(Frames((spots(eyes),) * 2, landmarks=marks)).images
    assert brightest(images[0])[0] == pytest.approx((30, 35), abs=1)
    lost = np.array([eyes, np.full((2, 2), np.nan)], np.float32)
    images = Align(100)(Frames((spots(eyes),) * 2, eyes=lost)).images
    assert (images[0] == images[1]).all()
    nowhere = Align(100)(Frames((spots(eyes),), eyes=lost[1:])).images
    assert nowhere[0].shape == (100, 100)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (Frames((spots(()),)), "without eyes"),
        (Frames((spots(()),), landmarks=np.zeros((1, 6, 2), np.float32)), "without eyes"),
        (Frames((spots(()),), is_resized=True, landmarks=np.zeros((1, 68, 2), np.float32)), "cropped or resized"),
    ],
)
def test_the_error_says_why_frames_cannot_be_aligned(frames, message):
    with pytest.raises(FerbenchError, match=message):
        Align()(frames)


@pytest.mark.parametrize("steps", [(Resize(30), Align(20)), (Align(30), Align(20)), (Align(20), Align(20))])
def test_landmarks_do_not_align_frames_that_were_resized(tmp_path, steps):
    """Points of the original frames gave black crops, and rows that looked like any other."""
    cv2.imwrite(str(tmp_path / "0.png"), spots(((5, 6), (14, 6)))[:20, :20])
    eyes = [(5, 6) if index < 42 else (14, 6) for index in range(68)]
    (tmp_path / "0.txt").write_text("".join(f"{x} {y}\n" for x, y in eyes))
    clip = Clip("c", "p", "l", images=(tmp_path / "0.png",), length=1, landmarks=(tmp_path / "0.txt",))
    digests = [digest_file(path) for path in clip_files(clip)]
    assert preprocess(clip, steps[1:], digests).crops.any()
    with pytest.raises(FerbenchError, match="align got cropped or resized frames"):
        preprocess(clip, steps, digests)


class FakeDetector:
    """A detector that returns these faces of each frame in turn."""

    def __init__(self, faces):
        self.faces, self.sizes = iter(faces), []

    def setInputSize(self, size):  # noqa: N802 (OpenCV's name)
        self.sizes.append(tuple(size))

    def detect(self, image):
        assert image.ndim == 3
        faces = next(self.faces)
        return 1, np.array(faces, np.float32) if faces else None


def test_the_largest_face_is_taken_and_a_missing_one_filled_in(monkeypatch):
    small, large = [1, 1, 5, 5, 2, 2, 4, 2, *[0] * 7], [10.4, 20, 30, 40, 15, 30, 35, 31, *[0] * 7]
    detector = FakeDetector([[small, large], [], [[12.4, 22, 34, 40, 19, 30, 39, 31, *[0] * 7]]])
    monkeypatch.setattr(yunet, "load_detector", lambda *_: detector)
    frames = YuNet("any.onnx")(Frames((np.zeros((100, 120), np.uint8),) * 2 + (np.zeros((100, 120, 3), np.uint8),)))
    assert frames.boxes == ((10, 20, 30, 40), (11, 21, 32, 40), (12, 22, 34, 40))
    assert frames.has_face == (True, False, True)
    assert frames.eyes[0].tolist() == [[15, 30], [35, 31]]
    assert frames.eyes[1].tolist() == [[17, 30], [37, 31]]
    assert set(detector.sizes) == {(120, 100)}


def test_a_model_that_is_replaced_is_loaded_again(tmp_path, monkeypatch):
    model, loaded = tmp_path / "yunet.onnx", []
    create = SimpleNamespace(create=lambda path, *_: loaded.append(Path(path).read_bytes()) or FakeDetector([[]] * 2))
    monkeypatch.setattr(cv2, "FaceDetectorYN", create)
    for content in (b"first", b"second"):
        model.write_bytes(content)
        for _ in range(2):
            YuNet(str(model))(Frames((np.zeros((100, 120), np.uint8),)))
    assert loaded == [b"first", b"second"]


def test_a_large_frame_is_shrunk_and_its_faces_are_in_pixels_of_the_frame(monkeypatch):
    detector = FakeDetector([[[10, 20, 30, 40, 15, 30, 35, 31, *[0] * 6, 0.9]]])
    monkeypatch.setattr(yunet, "load_detector", lambda *_: detector)
    faces = YuNet("any.onnx", side=60).detect_faces(np.zeros((100, 120), np.uint8))
    assert detector.sizes == [(60, 50)]
    assert faces.boxes.tolist() == [[20, 40, 60, 80]]
    assert faces.eyes.tolist() == [[[30, 60], [70, 62]]]


def test_a_clip_without_a_face_keeps_whole_frames(monkeypatch):
    monkeypatch.setattr(yunet, "load_detector", lambda *_: FakeDetector([[]]))
    frames = YuNet("any.onnx")(Frames((np.zeros((100, 120), np.uint8),)))
    assert frames.boxes == ((0, 0, 120, 100),)
    assert frames.has_face == (False,)
    assert np.isnan(frames.eyes).all()


def test_the_error_names_a_missing_or_unusable_model(tmp_path):
    frames = Frames((np.zeros((50, 50), np.uint8),))
    with pytest.raises(FerbenchError, match="no model at") as error:
        YuNet(str(tmp_path / "none.onnx"))(frames)
    assert "leave `model` out" in error.value.hint
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(FerbenchError, match="is not a YuNet model"):
        YuNet(str(tmp_path / "bad.onnx"))(frames)
