"""The folders of a corpus, found by pattern: copies differ in spelling and depth, and may contain hidden files, which are ignored."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from errno import EINVAL
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar

from ferbench import Clip, FerbenchError, Files, Skipped
from ferbench_corpora.tables import parse_table

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
HIDDEN = (".", "__MACOSX")  # __MACOSX contains only hidden files
T = TypeVar("T")


@dataclass(frozen=True)
class Tree:
    """The folder `root` of the corpus of this name.

    A folder that cannot be listed counts as empty, a file that cannot be read too, and `unreadable` names both: end `clips` with it.
    Only a root that cannot be listed is an error.
    """

    corpus: str
    root: Path
    problems: dict[Path, str] = field(default_factory=dict)

    def entries(self, folder: Path) -> list[Path]:
        """The content of a folder without hidden files, in natural order (2 before 10); empty if there is no such folder."""
        return [folder / name for name in self._names(folder)]

    def folders(self, folder: Path) -> list[Path]:
        """Its subfolders."""
        try:
            with os.scandir(folder) as entries:  # tells files from folders without a further look at each
                names = [e.name for e in entries if e.is_dir(follow_symlinks=False) or (e.is_symlink() and self.is_folder(folder / e.name))]
        except OSError as error:
            self._note_problem(folder, error)
            return []
        return [folder / name for name in _visible(tuple(names))]

    def images(self, folder: str | Path) -> Files:
        """The image files in a folder."""
        return Files(folder, _image_names(self._names(folder)))

    def is_folder(self, path: Path) -> bool:
        """Whether a path is a folder."""
        try:
            return path.is_dir()
        except OSError as error:
            self.problems[path] = f"cannot be read: {error.strerror}"
            return False

    def _names(self, folder: str | Path) -> tuple[str, ...]:
        try:
            return _visible(tuple(sorted(os.listdir(folder))))  # noqa: PTH208 (paths of all files would take a while)
        except OSError as error:
            self._note_problem(folder, error)
            return ()

    def _note_problem(self, folder: str | Path, error: OSError) -> None:
        folder = Path(folder)
        if folder == self.root:
            raise FerbenchError(f"the folder cannot be listed: {error.strerror}", where=str(folder)) from error
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self.problems[folder] = f"folder cannot be listed: {error.strerror}"

    def find_parents(self, child: str, first: str = "", depth: int = 3) -> list[Path]:
        """The root and the folders at most `depth` levels down with a subfolder whose name matches `child`.

        The one named `first` comes first, then the nearest. Nothing is listed below the matching subfolders.
        """
        parents, level = list[Path](), [self.root]
        for _ in range(depth + 1):
            inside = {folder: self.folders(folder) for folder in level}
            matching = {subfolder for folders in inside.values() for subfolder in folders if matches(subfolder, child)}
            parents += [folder for folder in level if matching.intersection(inside[folder])]
            level = [subfolder for folders in inside.values() for subfolder in folders if subfolder not in matching]
        return sorted(parents, key=lambda folder: folder.name.lower() != first)

    def find_folders(self, pattern: str, first: str = "", depth: int = 3) -> list[Path]:
        """The folders at most `depth` + 1 levels below the root whose name matches; those in the folder named `first`, then the nearest."""
        parents = self.find_parents(pattern, first, depth)
        return [folder for parent in parents for folder in self.folders(parent) if matches(folder, pattern)]

    def read_bytes(self, file: Path) -> bytes:
        """The content of a file."""
        try:
            return read_file(file)
        except OSError as error:
            self.problems[file] = f"file cannot be read: {error.strerror}"
            return b""

    def read_text(self, file: Path) -> str:
        """The content of a text file in UTF-8."""
        return self.read_bytes(file).decode("utf-8-sig", errors="replace")

    def read_table(self, content: Iterable[Path], name: str) -> list[dict[str, str]]:
        """The rows of the CSV file of this name (case ignored) among these files; empty if there is none."""
        file = next((path for path in content if path.name.lower() == name and not self.is_folder(path)), None)
        return [row.cells for row in parse_table(self.read_text(file)).rows] if file else []

    def unreadable(self) -> Iterator[Skipped]:
        """The files and folders that could not be read."""
        for path, problem in self.problems.items():
            yield Skipped(self.relative(path), problem)

    def relative(self, path: Path) -> str:
        """The path below the root."""
        return path.relative_to(self.root).as_posix()

    def layout_error(self, expected: str) -> FerbenchError:
        """The error for a folder without anything of the layout."""
        unreadable = "".join(f"; {skipped.what}: {skipped.reason}" for skipped in self.unreadable())
        return FerbenchError(
            f"the corpus {self.corpus} is not in the layout that is read: expected {expected}{unreadable}",
            where=str(self.root),
            hint=f"give the folder that contains it: --set dataset.{self.corpus}.root=FOLDER (layouts: docs/corpora.md)",
        )


def read_file(file: Path) -> bytes:
    """The content of a file; raises OSError, also for a pipe or a device, which could make the reader wait forever."""
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise OSError(EINVAL, "is a pipe or a device, not a file", str(file))
    return file.read_bytes()


@lru_cache(2**12)  # many clips have frames of the same names, and then share one tuple of them
def _visible(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names that are not hidden, in natural order."""
    return tuple(name for name in sorted(names, key=natural_key) if not name.startswith(HIDDEN))


@lru_cache(2**12)
def _image_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name.lower().endswith(IMAGES))


def natural_sort(items: Iterable[T], name: Callable[[T], str]) -> list[T]:
    """Sorts by the numbers in names (2 before 10), case ignored; equal names, such as 1 and 01, by their characters."""
    return sorted(items, key=lambda item: natural_key(name(item)))


@lru_cache(2**16)  # frames of many clips have the same names
def natural_key(name: str) -> tuple[object, str]:
    """What a name is sorted by."""
    return _natsort_key()(name), name


@cache
def _natsort_key() -> Callable[[str], object]:
    from natsort import natsort_keygen, ns

    return natsort_keygen(alg=ns.IGNORECASE | ns.NUMAFTER)


def images(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files named like images. Unreadable ones, such as broken links, keep their places and are counted when they are decoded."""
    return tuple(path for path in paths if path.name.lower().endswith(IMAGES))


def matches(path: Path, pattern: str) -> bool:
    """Whether the whole name matches, in upper or lower case."""
    return re.fullmatch(pattern, path.name, re.IGNORECASE) is not None


def skip_copies(items: Iterable[Clip | Skipped], describe: Callable[[Clip], Skipped]) -> Iterator[Clip | Skipped]:
    """Yield the items; `describe` replaces a clip whose id an earlier one has."""
    ids: set[str] = set()
    for item in items:
        is_copy = isinstance(item, Clip) and item.id in ids
        if isinstance(item, Clip):
            ids.add(item.id)
        yield describe(item) if is_copy and isinstance(item, Clip) else item
