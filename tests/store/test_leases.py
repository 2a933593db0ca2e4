"""Leases end with their processes, however these end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from ferbench.store import leases
from ferbench.store.leases import Leases

HOLDER = """
import sys, time
from pathlib import Path
from ferbench.store.leases import Leases
with Leases(Path(sys.argv[1])).hold("a"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_lease_is_held_once(tmp_path):
    one, two = Leases(tmp_path), Leases(tmp_path)
    with one.hold("a") as first, two.hold("a") as second, two.hold("b") as other:
        assert (first, second, other) == (True, False, True)
    with two.hold("a") as again:
        assert again
    assert two.names("") == []


def test_a_lease_ends_with_its_process(tmp_path, holder):
    with Leases(tmp_path).hold("a") as is_held:
        assert not is_held
    holder.kill()
    holder.wait()
    with Leases(tmp_path).hold("a") as is_held:
        assert is_held


def test_whoever_waits_says_for_whom(tmp_path, holder):
    told = []

    def wait(owner: str) -> None:
        told.append(owner)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()

    with Leases(tmp_path).hold("a", wait) as is_held:
        assert is_held
    assert told == [f"process {holder.pid} on {os.uname().nodename}"]


def test_a_lease_without_a_holder_is_taken(tmp_path, monkeypatch):
    """A process that is killed while it takes a lease leaves an empty file, which used to block all others for ever."""
    monkeypatch.setattr(leases, "SIGNING", 0.3)
    (tmp_path / "a.lease").touch()
    watcher = Leases(tmp_path)
    with watcher.hold("a") as is_held:
        assert not is_held  # its holder may be about to sign it
    time.sleep(0.4)
    with watcher.hold("a") as is_held:
        assert is_held
    (tmp_path / "b.lease").touch()
    with watcher.hold("b", pytest.fail, patience=0) as is_held:
        assert is_held


def test_a_lease_expires_when_its_machine_does_not_renew_it(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(leases, "DURATION", 30.0)
    holder.send_signal(signal.SIGSTOP)
    record = (tmp_path / "a.lease").read_text()
    (tmp_path / "a.lease").write_text(
        record.replace(f"host={os.uname().nodename}", "host=elsewhere").replace("duration=30.0", "duration=0.5")
    )
    monkeypatch.setattr(leases, "DURATION", 0.5)
    watcher = Leases(tmp_path)
    with watcher.hold("a") as is_held:
        assert not is_held
    time.sleep(0.7)
    with watcher.hold("a") as is_held:
        assert is_held
