"""The index: clips with their lengths and digests, and everything that is left out, with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import ferbench
from ferbench import Clip, FerbenchError, PluginError, Skipped
from ferbench.corpora.files import file_names, read_files
from ferbench.corpora.index import index_corpus
from ferbench.corpora.location import locate_corpus, missing_error, missing_folders
from ferbench.execution.summary import corpus_lines, summarize_corpus
from ferbench.store.entries import Store


@dataclass(frozen=True)
class Listed(ferbench.Dataset):
    """Yields what the test lists."""

    name = "listed"
    classes = ("fear", "joy")
    citation = license = access = "made by the tests"
    folders = ("listed", "Listed Corpus")
    items: tuple = ()

    def clips(self) -> Iterator[Clip | Skipped]:
        yield from self.items


def write_video(path, frames=6):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))
    for number in range(frames):
        writer.write(np.full((24, 32, 3), 30 * number % 256, np.uint8))
    writer.release()
    return path


def write_images(folder, count=2):
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((8, 9), 40 * number, np.uint8))
    return tuple(sorted(folder.iterdir()))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def listed(tmp_path, store):
    """Indexes a corpus of these items."""
    return lambda *items: index_corpus(Listed(str(tmp_path), items=items), store)


def test_frames_are_counted_and_names_made_unique(listed, tmp_path):
    corpus = listed(
        Clip("a", "ann", "fear", images=write_images(tmp_path / "a"), apex=1),
        Clip("b", "bob", "joy", video=write_video(tmp_path / "b.avi"), facts={"sex": "m"}),
        Skipped("c", "no label"),
    )
    assert [(clip.id, clip.subject, clip.length, clip.apex) for clip in corpus.clips] == [
        ("listed/a", "listed/ann", 2, 1), ("listed/b", "listed/bob", 6, None),
    ]  # fmt: skip
    assert corpus.skipped == (Skipped("c", "no label"),)
    assert corpus.files.keys() == {"listed/a", "listed/b"}
    assert (corpus.truncated, corpus.unreadable, corpus.is_standin) == ((), (), False)


def test_clips_that_cannot_be_used_are_skipped_with_the_reason(listed, tmp_path):
    images = write_images(tmp_path / "a")
    (tmp_path / "junk.avi").write_bytes(b"no video" * 50)
    corpus = listed(
        Clip("good", "ann", "fear", images=images),
        Clip("none", "ann", "fear"),
        Clip("apex", "ann", "fear", images=images, apex=2),
        Clip("points", "ann", "fear", images=images, landmarks=images[:1]),
        Clip("junk", "ann", "fear", video=tmp_path / "junk.avi"),
        Clip("gone", "ann", "fear", video=tmp_path / "gone.avi"),
    )
    assert [clip.id for clip in corpus.clips] == ["listed/good"]
    assert {skipped.what: skipped.reason for skipped in corpus.skipped} == {
        "none": "no frames",
        "apex": "apex 2 (from 0) lies outside its 2 frames",
        "points": "1 files of landmarks for 2 frames",
        "junk": "video cannot be read (junk.avi: OpenCV cannot decode it as a video)",
        "gone": "video cannot be read (gone.avi: No such file or directory)",
    }


def test_files_that_cannot_be_read_are_counted_and_named(listed, tmp_path, monkeypatch):
    images, video = write_images(tmp_path / "a", 3), write_video(tmp_path / "b.avi")
    images[1].unlink()
    real_open = Path.open

    def deny(self, *args, **kwargs):
        if self == images[2] or self == video:
            raise PermissionError(13, "Permission denied", str(self))
        return real_open(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", deny)
    corpus = listed(Clip("a", "ann", "fear", images=images), Clip("b", "bob", "joy", video=video, length=6))
    assert corpus.unreadable == ("a/1.png (No such file or directory)", "a/2.png (Permission denied)", "b.avi (Permission denied)")
    assert list(corpus_lines([summarize_corpus(corpus)], max_named=2))[1:] == [
        "  files that cannot be read: 3: a/1.png (No such file or directory), a/2.png (Permission denied), ..."
    ]


def test_a_file_that_comes_back_is_read_again(listed, tmp_path):
    images = write_images(tmp_path / "a")
    whole = listed(Clip("a", "ann", "fear", images=images))
    images[1].rename(tmp_path / "kept")
    damaged = listed(Clip("a", "ann", "fear", images=images))
    (tmp_path / "kept").rename(images[1])
    assert damaged.unreadable
    assert damaged.digest != whole.digest
    assert listed(Clip("a", "ann", "fear", images=images)) == whole


def test_videos_that_end_early_are_named(listed, tmp_path):
    video = write_video(tmp_path / "b.avi", 100)
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 6 // 10])
    corpus = listed(Clip("b", "bob", "joy", video=video))
    assert corpus.truncated == (f"listed/b ({corpus.clips[0].length} of 100 frames)",)


def settle(monkeypatch):
    """As if all files were older than they are: young ones are read again."""
    monkeypatch.setattr("ferbench.corpora.files.SETTLED", -(10**12))


def test_unchanged_files_are_not_read_again(listed, tmp_path, monkeypatch):
    clips = (Clip("a", "ann", "fear", images=write_images(tmp_path / "a")), Clip("b", "bob", "joy", video=write_video(tmp_path / "b.avi")))
    before = listed(*clips)
    settle(monkeypatch)
    assert listed(*clips) == before
    monkeypatch.setattr("ferbench.corpora.files.record_file", lambda path: pytest.fail(f"{path} is read again"))
    monkeypatch.setattr("ferbench.corpora.videos.count_frames", lambda path: pytest.fail(f"{path} is decoded again"))
    assert listed(*clips) == before


def test_digests_of_another_version_are_dropped(tmp_path, store, monkeypatch):
    monkeypatch.setattr("ferbench.corpora.files.SETTLED", 0)
    clips = [Clip("a", "ann", "fear", images=write_images(tmp_path / "a"))]
    records = read_files(tmp_path, clips, list(map(file_names, clips)), store)
    (file,) = (store.root / "digests").iterdir()
    file.write_text('{"a/0.png": [[8, 9], "digest"]}')
    assert [record.digest for record in read_files(tmp_path, clips, list(map(file_names, clips)), store).values()] == [
        record.digest for record in records.values()
    ]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((5,), "clips\\(\\) yields 5: expected a Clip or a Skipped"),
        ((Clip("a", "ann", "fear", images=("x.png",)),), "expected pathlib.Path"),
        ((Clip("a", 5, "fear"),), "subject 5 and label 'fear': expected strings"),
        ((Clip("a", "ann", "fear", images=None),), "expected pathlib.Path"),
        ((Clip("a", "ann", "fear", landmarks=iter(())),), "expected pathlib.Path"),
        ((Clip("a", "ann", "fear", apex=np.int64(1)),), r"the clip a with apex np.int64\(1\): expected an int or None"),
        ((Clip("a", "ann", "fear", apex="1"),), "the clip a with apex '1': expected an int or None"),
        ((Clip("a", "ann", "fear", apex=True),), "apex True: expected an int or None"),
        ((Clip("a", "ann", "fear", length=None),), "the clip a with length None: expected an int, 0 or above"),
        ((Clip("a", "ann", "fear", length=-1),), "length -1: expected an int, 0 or above"),
        ((Clip("a", "ann", "fear", facts=None),), "the clip a with facts None: expected a dict"),
        (
            (Clip("a", "ann", "fear", facts={"x": np.float32(2)}),),
            r"the clip a with the fact 'x': np.float32\(2.0\): expected a name, and a str",
        ),
        ((Clip("a", "ann", "fear", facts={"x": np.float64(2)}),), r"the fact 'x': np.float64"),
        ((Clip("a", "ann", "fear", facts={"x": Path("a")}),), "the fact 'x': PosixPath"),
        ((Clip("a", "ann", "fear", facts={"x": None}),), "the fact 'x': None"),
        ((Clip("a", "ann", "fear", facts={"x": float("nan")}),), "the fact 'x': nan: .* finite float"),
        ((Clip("a", "ann", "fear", facts={"x": float("inf")}),), "the fact 'x': inf"),
        ((Clip("a", "ann", "fear", facts={1: "x"}),), "the fact 1: 'x'"),
        ((Skipped("a", None),), "expected strings"),
    ],
)
def test_what_a_dataset_must_not_yield(listed, items, message):
    with pytest.raises(PluginError, match=message) as error:
        listed(*items)
    assert str(error.value).partition(": ")[2].startswith("dataset listed: clips() yields ")


def test_facts_may_be_texts_and_numbers(listed, tmp_path):
    facts = {"sex": "f", "age": 31, "intensity": 0.5, "posed": True}
    (clip,) = listed(Clip("a", "ann", "fear", images=write_images(tmp_path / "a"), facts=facts)).clips
    assert clip.facts == facts


def test_a_clip_with_a_fact_that_is_not_in_utf_8_is_left_out(listed, tmp_path):
    images = write_images(tmp_path / "a")
    corpus = listed(Clip("a", "ann", "fear", images=images), Clip("b", "bob", "fear", images=images, facts={"session": "caf\udce9"}))
    assert [clip.id for clip in corpus.clips] == ["listed/a"]
    assert corpus.skipped[0].what == "b"
    assert "not in UTF-8" in corpus.skipped[0].reason


def test_ids_are_unique(listed, tmp_path):
    clip = Clip("a", "ann", "fear", images=write_images(tmp_path / "a"))
    with pytest.raises(PluginError, match="yields the clip id 'listed/a' twice"):
        listed(clip, replace(clip, subject="bob"))


def test_a_corpus_without_clips_says_what_was_left_out(listed):
    with pytest.raises(FerbenchError, match=r"holds no labeled clip; left out: 1 \(c: no label, ...\)"):
        listed(Skipped("c", "no label"))


@pytest.mark.parametrize("folder", ["listed", "LISTED CORPUS"])
def test_corpora_are_found_by_the_names_of_their_folders(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path))
    assert locate_corpus(Listed()) is None
    assert f"was not found at {tmp_path / 'listed'}" in missing_error(Listed()).message
    (tmp_path / folder).mkdir()
    assert locate_corpus(Listed()) == tmp_path / folder
    assert locate_corpus(Listed("${FERBENCH_DATA}/" + folder)) == tmp_path / folder
    assert locate_corpus(Listed(str(tmp_path / "elsewhere"))) is None


def test_folders_that_do_not_exist_are_named_with_their_origin(tmp_path, monkeypatch):
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "dtaa"))
    assert missing_folders([]) == [f"FERBENCH_DATA: there is no folder {tmp_path / 'dtaa'}"]
    assert missing_error(Listed()).message.endswith(f" (FERBENCH_DATA: there is no folder {tmp_path / 'dtaa'})")
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path))
    assert missing_folders([Listed(), Listed(str(tmp_path))]) == []
    assert missing_folders([Listed(str(tmp_path / "typo"))]) == [f"root of the corpus listed: there is no folder {tmp_path / 'typo'}"]
    monkeypatch.delenv("FERBENCH_DATA")
    assert missing_folders([Listed()]) == []
    assert missing_error(Listed()).message.endswith(" (FERBENCH_DATA is not set)")
