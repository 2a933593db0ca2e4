"""Reads files whose content must be the one that was indexed, since keys are made of its digest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ferbench.api.errors import FerbenchError
from ferbench.corpora.files import is_current, problem_digest, record_file
from ferbench.corpora.reading import Unreadable, describe_problem
from ferbench.store.files import digest_bytes, open_regular


def read_indexed(path: Path, digest: str) -> bytes:
    """The content of a file, which has this digest. Raises Unreadable if it could not be read when it was indexed and still cannot.

    Raises FerbenchError if the file changed, vanished or became readable since then.
    """
    content, problem = _read(path)
    _check_equal(path, problem_digest(problem) if problem else digest_bytes(content), digest)
    if problem or not content:
        raise Unreadable(path.name, problem or "empty file")
    return content


@contextmanager
def hold_indexed(path: Path, digest: str) -> Iterator[None]:
    """For a file that a library opens by its name: raises FerbenchError unless it has this digest from the start of the block to its end.

    Raises Unreadable like `read_indexed`.
    """
    record = record_file(path)
    _check_equal(path, record.digest, digest)
    if record.problem:
        raise Unreadable(path.name, record.problem)
    failure = None
    try:
        yield
    except Unreadable as error:  # may come from a change
        failure = error
    if not (record.is_settled and is_current(str(path), record)):
        again = record_file(path)
        _check_equal(path, (again.digest, again.fingerprint), (digest, record.fingerprint))
    if failure:
        raise failure


def _read(path: Path) -> tuple[bytes, str]:
    """The content of a file, and why it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(), ""
    except OSError as error:
        return b"", describe_problem(path, error)


def _check_equal(path: Path, found: object, indexed: object) -> None:
    if found != indexed:
        hint = "run the same command again, which indexes it again; if this error stays, add --rehash"
        raise FerbenchError(f"{path} changed since it was indexed", hint=hint)
