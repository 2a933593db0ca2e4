import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from ferbench import FerbenchError, Frames
from ferbench_basics import viola_jones
from ferbench_basics.crop import Crop
from ferbench_basics.viola_jones import ViolaJones

ROOT = Path(__file__).parents[3]
BLANK = np.full((200, 200), 128, np.uint8)


def photographs():
    folders = [Path(os.environ[name]) for name in ("FERBENCH_DATA",) if name in os.environ] + [ROOT.parent / "shared" / "data"]
    paths = next((sorted((at / "london").glob("*_front/[0-9]*.jpg")) for at in folders if (at / "london").is_dir()), [])
    return paths or pytest.skip("the London photographs are not here")


@pytest.fixture
def answer(monkeypatch):
    """A function that makes the detector answer with these boxes, frame by frame."""

    class Detector:
        def __init__(self, *frames):
            self.answers = list(frames)

        def detectMultiScale(self, image, *args, **options):  # noqa: N802
            assert image.ndim == 2
            return np.array(self.answers.pop(0), np.int32).reshape(-1, 4)

    def answer_with(*frames):
        detector = Detector(*frames)
        monkeypatch.setattr(viola_jones, "load_cascade", lambda *key: detector)

    return answer_with


def test_the_largest_of_several_faces_is_taken(answer):
    answer([(0, 0, 20, 20), (50, 60, 40, 40), (9, 9, 30, 30)])
    frames = ViolaJones()(Frames((np.zeros((200, 200, 3), np.uint8),)))
    assert frames.boxes == ((50, 60, 40, 40),)
    assert frames.has_face == (True,)


def test_a_frame_without_a_face_takes_the_median_box_of_its_clip(answer):
    answer([(10, 10, 50, 50)], [], [(20, 30, 60, 60)], [(90, 12, 52, 52)], [])
    frames = ViolaJones()(Frames((BLANK,) * 5))
    assert frames.boxes == ((10, 10, 50, 50), (20, 12, 52, 52), (20, 30, 60, 60), (90, 12, 52, 52), (20, 12, 52, 52))
    assert frames.has_face == (True, False, True, True, False)


def test_a_clip_without_any_face_keeps_whole_frames():
    wide = np.full((120, 200, 3), 128, np.uint8)
    frames = ViolaJones()(Frames((BLANK, wide)))
    assert frames.boxes == ((0, 0, 200, 200), (0, 0, 200, 120))
    assert frames.has_face == (False, False)
    assert [image.shape for image in Crop()(frames).images] == [(200, 200), (120, 200, 3)]


def test_a_blank_frame_between_real_faces_is_cut_like_them():
    before, after = (cv2.imread(str(path)) for path in photographs()[:2])
    frames = ViolaJones()(Frames((before, np.full_like(before, 128), after)))
    assert frames.has_face == (True, False, True)
    assert frames.boxes[1] == tuple(np.rint(np.median([frames.boxes[0], frames.boxes[2]], axis=0)).astype(int))


def test_every_london_photograph_has_a_face():
    def has_face(path):
        return ViolaJones()(Frames((cv2.imread(str(path), cv2.IMREAD_GRAYSCALE),))).has_face[0]

    with ThreadPoolExecutor(2) as pool:
        coverage = np.mean(list(pool.map(has_face, photographs())))
    assert coverage == 1.0


def test_each_thread_has_its_own_classifier():
    name = "haarcascade_frontalface_alt2"
    assert viola_jones.load_cascade(name, 1) is viola_jones.load_cascade(name, 1)
    assert viola_jones.load_cascade(name, 1) is not viola_jones.load_cascade(name, 2)


def test_a_cascade_may_be_a_file(tmp_path):
    copy = tmp_path / "mine.xml"
    copy.write_bytes((Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml").read_bytes())
    assert ViolaJones(str(copy))(Frames((BLANK,))).has_face == (False,)


def test_a_cascade_that_is_replaced_is_loaded_again(tmp_path, monkeypatch):
    mine, loaded = tmp_path / "mine.xml", []
    real = viola_jones._can_load
    monkeypatch.setattr(viola_jones, "_can_load", lambda detector, path: loaded.append(path.read_bytes()) or real(detector, path))
    contents = [(Path(cv2.data.haarcascades) / f"haarcascade_frontalface_{name}.xml").read_bytes() for name in ("alt", "alt2")]
    for content in contents:
        mine.write_bytes(content)
        for _ in range(2):
            ViolaJones(str(mine))(Frames((BLANK,)))
    assert loaded == contents


def test_the_error_names_a_missing_cascade():
    with pytest.raises(FerbenchError, match="no cascade 'haarcascade_face'") as error:
        ViolaJones("haarcascade_face")(Frames((BLANK,)))
    assert "haarcascade_frontalface_alt2" in error.value.hint


@pytest.mark.parametrize("content", [b"", b"not xml", b"<?xml version='1.0'?><opencv_storage><a>1</a></opencv_storage>"])
def test_the_error_names_a_file_that_is_no_cascade(tmp_path, content):
    (tmp_path / "mine.xml").write_bytes(content)
    with pytest.raises(FerbenchError, match=r"mine\.xml is not a cascade"):
        ViolaJones(str(tmp_path / "mine.xml"))(Frames((BLANK,)))


def test_an_opencv_without_cascades_is_one_clear_error(monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(FerbenchError, match="has no CascadeClassifier") as error:
        viola_jones.load_cascade("haarcascade_frontalface_default", -1)
    assert "opencv-python>=4.8,<5" in error.value.hint


class Bright:
    """Finds the bright square of an image, if its size is asked for; records the shapes that it gets."""

    def __init__(self):
        self.seen = []

    def detectMultiScale(self, image, scale, neighbors, minSize=(0, 0), maxSize=(999, 999)):  # noqa: N802, N803 (OpenCV's)
        self.seen.append(image.shape)
        rows, columns = np.nonzero(image > 200)
        if not len(rows):
            return []
        width = int(columns.max() - columns.min()) + 1
        return [(columns.min(), rows.min(), width, width)] if minSize[0] <= width <= maxSize[0] else []


def square(x, y, width):
    image = np.zeros((100, 120), np.uint8)
    image[y : y + width, x : x + width] = 255
    return image


def test_near_searches_around_the_previous_box_first(monkeypatch):
    fake = Bright()
    monkeypatch.setattr(viola_jones, "load_cascade", lambda *_: fake)
    places = [(40, 30, 20), (42, 33, 21), (0, 0, 20), (60, 50, 40)]  # a step, and two jumps
    frames = ViolaJones(near=True)(Frames((BLANK, *[square(*place) for place in places])))
    assert frames.boxes[1:] == tuple((*place, place[2]) for place in places)
    assert frames.has_face == (False, True, True, True, True)
    whole = (100, 120)
    assert fake.seen == [BLANK.shape, whole, (30, 30), (31, 31), whole, (25, 25), whole]
    fake.seen.clear()
    assert ViolaJones()(Frames(tuple(square(*place) for place in places))).boxes == tuple((*place, place[2]) for place in places)
    assert fake.seen == [whole] * 4
