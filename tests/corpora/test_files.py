"""Records of files: which are trusted, which are read again, and which errors are never recorded."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ferbench import Clip
from ferbench.api.errors import SystemProblem
from ferbench.corpora import files
from ferbench.corpora.files import file_names, read_files
from ferbench.store.entries import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"first")
    return path


@pytest.fixture
def digest(tmp_path, store, image):
    """The digest of the image that a run would use."""
    clip = Clip("a", "ann", "fear", images=(image,))
    return lambda **options: read_files(tmp_path, [clip], [file_names(clip)], store, **options)[str(image)].digest


@pytest.fixture
def settled(monkeypatch):
    """Files count as older than they are."""
    monkeypatch.setattr(files, "SETTLED", -(10**15))


@pytest.fixture
def fail_to_open(monkeypatch):
    """Lets a path fail to open with an error; None: no longer."""
    errors: dict[Path, OSError | None] = {}
    real = files.open_regular

    def open_or_fail(path):
        if error := errors.get(path):
            raise error
        return real(path)

    monkeypatch.setattr(files, "open_regular", open_or_fail)
    return lambda path, number: errors.update({path: OSError(number, os.strerror(number), str(path)) if number else None})


def rewrite(path, content):
    """Change the content, but neither size nor time of modification."""
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replace(path, content):
    """Put another file of the same size and time in its place."""
    other = path.with_name("other")
    other.write_bytes(content)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", [rewrite, replace])
def test_a_file_of_the_same_size_and_time_is_read_again(digest, image, change):
    before = digest()
    change(image, b"other")
    assert digest() != before
    change(image, b"first")
    assert digest() == before


def test_a_young_file_is_read_again_even_if_nothing_seems_to_have_changed(digest, image, monkeypatch):
    """A disk that counts in seconds gives two changes within one the same time."""
    monkeypatch.setattr(files, "take_fingerprint", lambda _file: (5, 0, files.time.time_ns() // 10**9 * 10**9, 1))
    before = digest()
    image.write_bytes(b"other")
    assert digest() != before


def test_only_settled_files_are_remembered(tmp_path, store, monkeypatch):
    """A file that was changed just before it was read may change again without another time."""
    (tmp_path / "a.png").write_bytes(b"x")
    clip = Clip("a", "ann", "fear", images=(tmp_path / "a.png",))
    reads = []
    read = files.record_file
    monkeypatch.setattr(files, "record_file", lambda path: (reads.append(path), read(path))[1])
    for settled, count in ((2_000_000_000, 1), (2_000_000_000, 2), (0, 3), (0, 3)):
        monkeypatch.setattr(files, "SETTLED", settled)
        read_files(tmp_path, [clip], [file_names(clip)], store)
        assert len(reads) == count


def test_a_file_is_settled_two_seconds_after_its_last_change():
    for modified, changed, looked, is_settled in ((0, 0, 2, True), (0, 1, 2, False), (1, 0, 2, False), (9, 0, 2, False), (0, 1, 3, True)):
        fingerprint = (5, modified * 10**9, changed * 10**9, 1)
        assert files.FileRecord("digest", fingerprint, looked * 10**9).is_settled == is_settled


@pytest.mark.usefixtures("settled")
def test_a_file_that_could_not_be_read_is_tried_again(digest, image, fail_to_open):
    fail_to_open(image, errno.EACCES)
    assert digest() == "unreadable: Permission denied"
    fail_to_open(image, None)
    assert digest() == files.record_file(image).digest


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT])
def test_an_error_of_the_system_stops_the_run_and_is_never_recorded(digest, image, fail_to_open, store, number):
    fail_to_open(image, number)
    with pytest.raises(SystemProblem) as stopped:
        digest()
    assert str(stopped.value).startswith(f"{image} cannot be read: {os.strerror(number)}\n")
    assert not (store.root / "digests").exists()
    fail_to_open(image, None)
    assert digest() == files.record_file(image).digest


@pytest.mark.usefixtures("settled")
def test_all_files_are_read_again_on_request(digest, store):
    right = digest()
    (cache,) = (store.root / "digests").iterdir()
    cache.write_bytes(cache.read_bytes().replace(right.encode(), b"0" * 32))
    assert digest() == "0" * 32
    assert digest(rehash=True) == digest() == right


@pytest.mark.parametrize("slow", [-1.0, 60.0], ids=["several threads", "one thread"])
def test_progress_counts_the_files_that_are_read(tmp_path, store, monkeypatch, slow):
    monkeypatch.setattr(files, "SLOW", slow)
    images = tuple(tmp_path / f"{number}.png" for number in range(100))
    for path in images:
        path.write_bytes(b"x")
    calls = []
    clip = Clip("a", "ann", "fear", images=images)
    records = read_files(tmp_path, [clip], [file_names(clip)], store, progress=lambda *call: calls.append(call))
    assert list(records) == list(map(str, images))
    assert calls[-1] == (100, 100)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
