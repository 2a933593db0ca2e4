"""Messages stay short, whatever they repeat; faults of the system are told from other errors."""

from __future__ import annotations

import errno

import pytest

from ferbench import FerbenchError, PluginError
from ferbench.api.errors import StoreError, SystemProblem, blame_plugin, find_system_problem, join_names, shorten, shorten_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (3, "3"),
        ("x" * 198, repr("x" * 198)),
        ("x" * 199, "'" + "x" * 99 + " ... (201 characters) ... " + "x" * 99 + "'"),
    ],
)
def test_shorten(value, text):
    assert shorten(value) == text


def test_shorten_a_list():
    text = shorten(list(range(20_000)))
    assert text.startswith("[0, 1, 2, ")
    assert " characters) ... " in text
    assert len(text) < 240


def test_shorten_text_keeps_both_ends():
    assert shorten_text("a" * 50 + "b" * 50, 10) == "aaaaa ... (100 characters) ... bbbbb"
    assert shorten_text("short", 10) == "short"


def test_join_names():
    assert join_names([]) == ""
    assert join_names(["a", "b"]) == "a, b"
    names = join_names([f"n{number}" for number in range(1060)])
    assert names.startswith("n0, n1, ")
    assert names.endswith("n49, and 1,010 more")


def test_error_of_any_origin_is_short():
    error = FerbenchError("m" * 70_000, where="w" * 70_000, hint="h" * 70_000)
    assert len(str(error)) < 7000
    assert all(f"{letter} ... (70,000 characters) ... {letter}" in str(error) for letter in "mwh")


def raise_from(error: BaseException, cause: BaseException | None) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:
        return raised


SYSTEM_ERRORS = [
    OSError(errno.ENOSPC, "No space left on device", "/store/a"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    OSError(errno.EMFILE, "Too many open files"),
    PermissionError(errno.EACCES, "Permission denied", "/weights"),
    PermissionError("pooch cannot create the folder of its cache"),
    OSError(errno.EROFS, "Read-only file system"),
    OSError(errno.EIO, "Input/output error"),
    OSError("96 requested and 40 written"),  # numpy's tofile
    RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
    RuntimeError("unable to mmap 64 bytes from file </a>: Too many open files (24)"),  # torch
    RuntimeError("[enforce fail at inline_container.cc:603] . PytorchStreamWriter failed writing file data/0: file write failed"),
    OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),  # h5py
    StoreError("the store cannot be written"),
]


@pytest.mark.parametrize("error", SYSTEM_ERRORS, ids=str)
def test_faults_of_the_system_are_found_however_they_surface(error):
    def fail():
        raise error

    with pytest.raises(PluginError) if not isinstance(error, StoreError) else pytest.raises(StoreError) as blamed, blame_plugin("x"):
        fail()
    wrapped = [raise_from(ValueError("wrapped"), error), ExceptionGroup("several", [ValueError("other"), error])]
    for outer in (error, blamed.value, *wrapped, raise_from(KeyError("twice"), wrapped[0])):
        problem = find_system_problem(outer)
        assert isinstance(problem, SystemProblem)
        assert len(str(problem).splitlines()) <= 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"), FileNotFoundError(errno.ENOENT, "No such file or directory", "/weights"), MemoryError(),
        FerbenchError("no weights"), OSError("image file is truncated"), RuntimeError("CUDA out of memory"),
        ConnectionResetError(errno.ECONNRESET, "reset"), RuntimeError("os error 2"), TimeoutError(),
    ],
    ids=repr,
)  # fmt: skip
def test_other_errors_are_no_faults_of_the_system(error):
    assert find_system_problem(error) is None
    assert find_system_problem(raise_from(ValueError("wrapped"), error)) is None


def test_error_that_is_its_own_cause():
    error = ValueError("round")
    error.__cause__ = error
    assert find_system_problem(error) is None


def test_fault_of_the_system_names_the_file():
    problem = find_system_problem(OSError(errno.ENOSPC, "No space left on device", "/store/a"))
    assert problem.message == "the run stops: No space left on device (/store/a)"
    assert problem.hint == "stored results are kept: fix the cause and run the same command again"
