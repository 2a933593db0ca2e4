"""Stand-ins: what is drawn, what is written, and that equal seeds write equal files, however many workers there are."""

from __future__ import annotations

import hashlib
from collections import Counter

import cv2
import numpy as np
import pytest

from ferbench import Clip
from ferbench_corpora.ckplus import CKPlus
from ferbench_corpora.ised import ISED
from ferbench_corpora.mug import MUG
from ferbench_standins import ckplus, ised, mug
from ferbench_standins.expression import EMOTIONS, assign_emotions, draw_apex_units, rise, rise_and_fall
from ferbench_standins.files import write_video
from ferbench_standins.jobs import run_jobs
from ferbench_standins.person import draw_person
from ferbench_standins.scene import Camera, film
from ferbench_standins.shape import MOVES, Pose, landmarks

RENDERERS = {"ckplus": ckplus, "mug": mug, "ised": ised}
LOADERS = {"ckplus": CKPlus, "mug": MUG, "ised": ISED}
SOME_CAMERA = Camera((200, 160), face=36)
CODE_LINES = {f"   {code}.0000000e+00\n" for code in range(1, 8)}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Two people of each corpus, and the calls of `progress`."""
    rendered = {}
    for name, renderer in RENDERERS.items():
        folder, calls = tmp_path_factory.mktemp(name), []
        renderer.render(folder, 2, 7, lambda done, total, calls=calls: calls.append((done, total)), workers=2)
        rendered[name] = folder, calls
    return rendered


def file_digests(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def frames_of(clip):
    if clip.images:
        return [cv2.imread(str(path)) for path in clip.images]
    video, frames = cv2.VideoCapture(str(clip.video)), []
    while (read := video.read())[0]:
        frames.append(read[1])
    return frames


def labeled_clips(corpora, name):
    return [c for c in LOADERS[name](root=str(corpora[name][0])).clips() if isinstance(c, Clip)]


@pytest.mark.parametrize("name", RENDERERS)
def test_progress_counts_every_clip(corpora, name):
    calls = corpora[name][1]
    assert calls == [(i, len(calls)) for i in range(1, len(calls) + 1)]
    assert len(calls) >= len(labeled_clips(corpora, name)) > 0


@pytest.mark.parametrize("name", RENDERERS)
def test_the_cascade_finds_every_sampled_face(corpora, name):
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    missed = []
    for clip in labeled_clips(corpora, name):
        frames = frames_of(clip)
        for index in (0, len(frames) // 2):
            gray = cv2.cvtColor(frames[index], cv2.COLOR_BGR2GRAY)
            smallest = min(gray.shape) // 10
            if len(cascade.detectMultiScale(gray, 1.1, 5, minSize=(smallest, smallest))) == 0:
                missed.append((clip.id, index))
    assert not missed


def test_equal_seeds_write_equal_files_whatever_the_workers(tmp_path):
    trees = []
    for label, (people, seed, workers) in {"a": (1, 3, 1), "b": (1, 3, 2), "c": (1, 4, 2)}.items():
        for name in ("ckplus", "ised") if seed == 3 else ("ckplus",):
            (tmp_path / label / name).mkdir(parents=True)
            RENDERERS[name].render(tmp_path / label / name, people, seed, lambda *_: None, workers=workers)
        trees.append(file_digests(tmp_path / label))
    assert trees[0] == trees[1]
    assert not {d for p, d in trees[0].items() if p.endswith(("png", "avi"))} & set(trees[2].values())


def test_more_people_leave_the_first_as_they_are(corpora, tmp_path):
    ckplus.render(tmp_path, 1, 7, lambda *_: None)
    both = file_digests(corpora["ckplus"][0])
    assert file_digests(tmp_path).items() <= both.items()


def test_ckplus_layout(corpora):
    folder = corpora["ckplus"][0]
    people = sorted(p.name for p in (folder / "cohn-kanade-images").iterdir())
    assert people == ["S005", "S010"]
    for sequence in sorted((folder / "cohn-kanade-images").glob("*/*")):
        images = sorted(sequence.glob("*.png"))
        assert 6 <= len(images) <= 8
        assert images[0].name == f"{sequence.parent.name}_{sequence.name}_00000001.png"
        assert cv2.imread(str(images[0])).shape == (490, 640, 3)
        emotion = list((folder / "Emotion" / sequence.parent.name / sequence.name).iterdir())
        assert all(f.name == f"{images[-1].stem}_emotion.txt" and f.read_text() in CODE_LINES for f in emotion)


def test_ckplus_has_unlabeled_sequences(corpora):
    assert len(labeled_clips(corpora, "ckplus")) == 6
    assert len(corpora["ckplus"][1]) == 7


def test_ckplus_landmarks_lie_on_the_face(corpora):
    folder = corpora["ckplus"][0]
    for path in sorted((folder / "Landmarks").rglob("*.txt")):
        points = np.loadtxt(path)
        assert points.shape == (68, 2)
        assert (points > 0).all()
        assert (points < (640, 490)).all()
        assert 150 < np.ptp(points[:, 0]) < 300
        # The pupils are darker than the whites beside them only if the points are where the eyes were drawn.
        image = cv2.imread(str(folder / "cohn-kanade-images" / path.relative_to(folder / "Landmarks").parent / path.name[:17]) + ".png", 0)
        for eye in (points[36:42], points[42:48]):
            x, y = eye.mean(0).round().astype(int)
            assert image[y - 4 : y + 5, x - 4 : x + 5].min() < 60


def test_ckplus_action_units_match_the_emotion(corpora):
    folder = corpora["ckplus"][0]
    for clip in labeled_clips(corpora, "ckplus"):
        file = next((folder / "FACS" / clip.id).iterdir())
        units = {int(float(line.split()[0])) for line in file.read_text().splitlines()}
        assert len(units & EMOTIONS[clip.label].keys()) >= len(EMOTIONS[clip.label]) - 2 or clip.label == "contempt"


def test_mug_layout(corpora):
    top = corpora["mug"][0] / "subjects3"
    assert sorted(p.name for p in top.iterdir()) == ["001", "002"]
    assert [p.name for p in (top / "002").iterdir()] == ["session0"]
    takes = [p for p in top.rglob("take*") if p.is_dir()]
    for take in takes:
        images = sorted(take.glob("img_*.jpg"))
        assert images[0].name == "img_0000.jpg"
        assert 11 <= len(images) <= 13
        assert cv2.imread(str(images[0])).shape == (896, 896, 3)
    assert {t.parent.name for t in takes} <= {*EMOTIONS} - {"contempt"}
    assert (top / "001" / "neutral" / "take000").is_dir()


def test_ised_peaks_are_in_the_second_half(corpora):
    folder = corpora["ised"][0]
    clips = labeled_clips(corpora, "ised")
    assert clips
    for clip in clips:
        count = len(frames_of(clip))
        assert count / 2 < clip.apex + 1 < count
        number = clip.id.removeprefix("PS ").replace("/", "_")
        assert (folder / "peakImages" / f"{number}_{clip.apex + 1}.jpg").is_file()
        assert clip.facts["sex"] in ("M", "F")
        assert 1 <= clip.facts["intensity"] <= 5


def test_emotions_are_as_frequent_as_in_the_training_data():
    merged = Counter()
    for module, sizes in ((ckplus, [3, 3, 2, 3, 3] * 8), (mug, [4] * 40), (ised, [4, 3, 3] * 13)):
        merged.update(name for emotions in assign_emotions(module.WEIGHTS, sizes, module is ckplus) for name in emotions)
    del merged["contempt"]
    assert [name for name, _ in merged.most_common()] == ["happiness", "surprise", "disgust", "sadness", "anger", "fear"]


@pytest.mark.parametrize("emotion", [e for e in EMOTIONS if e != "neutral"])
def test_action_units_grow_from_neutral_to_apex(emotion):
    rng = np.random.default_rng(5)
    person = draw_person(rng)
    shots = list(film(person, SOME_CAMERA, draw_apex_units(emotion, person, 0.8, 1.0, rng), rise(3), rng))
    sums = [sum(shot.units.values()) for shot in shots]
    assert sums[0] == 0
    assert sums[0] < sums[1] < sums[2]
    assert (shots[0].image != shots[2].image).any()


@pytest.mark.parametrize("unit", MOVES)
def test_every_action_unit_moves_points(unit):
    person = draw_person(np.random.default_rng(2))
    pose = Pose(100, 100, 50)
    distance = np.abs(pose.project(landmarks(person, {unit: 1.0})) - pose.project(landmarks(person, {}))).max()
    assert 1 < distance < 30


@pytest.mark.parametrize("frames", [11, 12, 13])
def test_a_take_peaks_in_the_middle_frame(frames):
    activity = rise_and_fall(frames)
    assert len(activity) == frames
    assert activity.argmax() == frames // 2
    assert activity[0] == activity[-1] == 0


def test_a_job_that_fails_ends_the_rendering():
    def fail():
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run_jobs([list, fail, list], lambda *_: None, workers=2)


def test_a_video_that_was_not_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="0 of 2 frames were written"):
        write_video(tmp_path / "no such folder" / "1.avi", [np.zeros((24, 32, 3), np.uint8)] * 2)


def test_rendering_leaves_opencv_as_it_was():
    before = cv2.getNumThreads()
    run_jobs([list], lambda *_: None, workers=1)
    assert cv2.getNumThreads() == before
