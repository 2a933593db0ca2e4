"""Manifests: the files of an entry. A folder without a manifest is not an entry."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ferbench.store.files import digest_file, read_json, to_json

MANIFEST = "manifest.json"


class Manifest(msgspec.Struct):
    """The facts that the stage returned, as JSON, and the size and digest of each file."""

    stage: str
    key: str
    facts: msgspec.Raw
    files: dict[str, tuple[int, str]]


def write_manifest(folder: Path, stage: str, key: str, facts: object) -> None:
    """Write the manifest of the files in the folder."""
    files = {
        str(path.relative_to(folder)): (path.stat().st_size, digest_file(path)) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    (folder / MANIFEST).write_bytes(to_json({"stage": stage, "key": key, "facts": facts, "files": files}))


def read_manifest(folder: Path) -> Manifest:
    """Load the manifest of an entry; raises OSError or msgspec.DecodeError."""
    return read_json(folder / MANIFEST, Manifest)


def find_damage(folder: Path) -> str:
    """Describe what is wrong with an entry; empty if its files match the manifest."""
    try:
        files = read_manifest(folder).files
    except (OSError, msgspec.DecodeError):
        return "its manifest cannot be read"
    for name, (size, digest) in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size or digest_file(path) != digest:
            return f"{name} does not match its checksum"
    return ""
