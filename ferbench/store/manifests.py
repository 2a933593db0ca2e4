"""Manifests: what an entry of the store holds. An entry without one is not there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ferbench.store.files import digest_file, read_json, to_json

MANIFEST = "manifest.json"


class Manifest(msgspec.Struct):
    """The facts that the stage noted, as JSON, and the size and digest of each file."""

    stage: str
    key: str
    facts: msgspec.Raw
    files: dict[str, tuple[int, str]]


def write_manifest(folder: Path, stage: str, key: str, facts: object) -> None:
    """Describe the files that are in the folder."""
    files = {
        str(path.relative_to(folder)): (path.stat().st_size, digest_file(path)) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    (folder / MANIFEST).write_bytes(to_json({"stage": stage, "key": key, "facts": facts, "files": files}))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an entry; raises OSError or msgspec.DecodeError."""
    return read_json(folder / MANIFEST, Manifest)


def find_damage(folder: Path) -> str:
    """What is wrong with an entry; empty if its files are as its manifest says."""
    try:
        files = read_manifest(folder).files
    except (OSError, msgspec.DecodeError):
        return "its manifest cannot be read"
    for name, (size, digest) in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size or digest_file(path) != digest:
            return f"{name} has another checksum"
    return ""
