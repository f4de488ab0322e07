from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.config import ROOT
from app.errors import Unavailable
from app.indexes import ingest_lane
from app.indexes.ingest_lane import NICE, IngestLane
from app.indexes.model_files import exported_folder
from tests.tiny_bert import TEXTS, TINY_TOKENS, TorchMade, cosines, torch_made

__all__ = ["torch_made"]

linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")


@pytest.fixture
def folder(torch_made: TorchMade) -> Path:
    return exported_folder(torch_made.row(pooling="cls"), torch_made.settings(torch_made.row()).data)[0]


@pytest.fixture
def lane(folder: Path) -> Iterator[IngestLane]:
    made = IngestLane(folder, TINY_TOKENS)
    yield made
    made.close()


def child(lane: IngestLane) -> int:
    assert lane._child is not None
    return lane._child.pid


def is_gone(pid: int) -> bool:
    """True when there is no such process, not even as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def soon(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met


def test_the_vectors_are_the_encoders_in_the_order_of_the_texts(lane: IngestLane, torch_made: TorchMade) -> None:
    vectors = lane.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 32)
    assert cosines(vectors, torch_made.vectors["cls"]).min() > 0.9999
    first = child(lane)
    assert cosines(lane.encode(TEXTS[::-1]), torch_made.vectors["cls"][::-1]).min() > 0.9999
    assert child(lane) == first, "one child for all batches"


def test_a_batch_larger_than_any_pipe_goes_through(lane: IngestLane) -> None:
    texts = [f"the artist \u266b {'pays ' * 500}"] * 200  # 500 kB; a pipe holds 64
    assert lane.encode(texts).shape == (200, 32)


def test_empty_text_has_a_vector_too(lane: IngestLane) -> None:
    assert lane.encode(["", "\n"]).shape == (2, 32)


def test_a_killed_child_is_replaced_without_anybody_noticing(lane: IngestLane, torch_made: TorchMade) -> None:
    lane.encode(TEXTS[:1])
    before = child(lane)
    os.kill(before, signal.SIGKILL)
    assert cosines(lane.encode(TEXTS), torch_made.vectors["cls"]).min() > 0.9999
    assert child(lane) != before
    assert is_gone(before)


def test_a_child_that_cannot_work_is_tried_twice_and_told_in_one_sentence(lane: IngestLane, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    lane._command = [sys.executable, "-c", f"open({str(starts)!r}, 'a').write('x')"]
    with pytest.raises(Unavailable, match="^The embedding process ended unexpectedly; it is tried again by itself.$"):
        lane.encode(TEXTS)
    assert starts.read_text() == "xx"
    assert lane._child is None


@linux
def test_the_child_is_nice_and_knows_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("AIM_LLM__API_KEY", "sk-canary")
    lane = IngestLane(folder, TINY_TOKENS)
    lane.encode(TEXTS[:1])
    assert os.getpriority(os.PRIO_PROCESS, child(lane)) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    environment = Path(f"/proc/{child(lane)}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"canary" not in environment
    lane.close()


def test_the_child_ends_when_the_lane_is_closed_and_leaves_no_zombie(lane: IngestLane) -> None:
    lane.encode(TEXTS[:1])
    pid = child(lane)
    lane.close()
    assert is_gone(pid)
    lane.close()  # again: nothing to do


def test_the_child_ends_after_a_while_without_work_and_comes_back(
    lane: IngestLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_lane, "IDLE_SECONDS", 0.2)
    lane.encode(TEXTS[:1])
    pid = child(lane)
    assert soon(lambda: is_gone(pid))
    assert lane.encode(TEXTS[:1]).shape == (1, 32)
    assert child(lane) != pid


def test_work_keeps_the_child(lane: IngestLane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_lane, "IDLE_SECONDS", 1.0)
    lane.encode(TEXTS[:1])
    pid = child(lane)
    for _ in range(8):
        time.sleep(0.2)
        lane.encode(TEXTS[:1])
    assert child(lane) == pid


def test_the_child_ends_with_its_parent(folder: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from app.indexes.ingest_lane import IngestLane\n"
        f"lane = IngestLane(Path(sys.argv[1]), {TINY_TOKENS}); lane.encode(['x']); print(lane._child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    pid = int(done.stdout)
    assert soon(lambda: is_gone(pid) or "Z" in state(pid)), "an orphan ends by itself; whoever inherits it reaps it"


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def test_two_threads_get_their_own_vectors(lane: IngestLane, torch_made: TorchMade) -> None:
    results: dict[int, float] = {}

    def work(number: int) -> None:
        order = TEXTS[number:] + TEXTS[:number]
        expected = [*torch_made.vectors["cls"][number:], *torch_made.vectors["cls"][:number]]
        results[number] = float(min(cosines(lane.encode(order), expected).min() for _ in range(5)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 3
    assert min(results.values()) > 0.9999


def test_a_child_that_hangs_is_killed_and_the_batch_tried_again(
    folder: Path, tmp_path: Path, torch_made: TorchMade
) -> None:
    lane = IngestLane(folder, TINY_TOKENS, 1.0)
    works, hangs = lane._command, [sys.executable, "-c", "import time; time.sleep(60)"]
    lane._command = hangs
    started = time.monotonic()
    with pytest.raises(Unavailable):
        lane.encode(TEXTS)
    assert 2.0 <= time.monotonic() - started < 20, "twice, a second each"
    assert lane._child is None
    lane._seconds, lane._command = 60.0, works
    assert lane.encode(TEXTS).shape[0] == len(TEXTS)
    lane.close()
