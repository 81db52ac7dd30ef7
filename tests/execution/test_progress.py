"""Progress as plain lines."""

import io

import pytest

from temshift.execution import LogProgress, Progress, SilentProgress


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


def told(stream):
    return stream.getvalue().splitlines()


def test_a_quick_stage_tells_each_tenth(stream, clock):
    progress = LogProgress(stream, clock)
    progress.start("waves", 1000)
    for _ in range(1000):
        progress.advance()
    clock.now = 2.5
    progress.finish()
    lines = told(stream)
    assert lines[0] == "waves: 0 of 1000"
    assert lines[1:-1] == [f"waves: {n} of 1000 ({n // 10} %)" for n in range(100, 1001, 100)]
    assert lines[-1] == "waves: done, 1000 of 1000 in 2.5 s"


def test_a_slow_stage_tells_about_every_five_seconds(stream, clock):
    progress = LogProgress(stream, clock)
    progress.start("networks", 10_000)
    for _ in range(20):
        clock.now += 1.0
        progress.advance()
    assert told(stream)[1:] == [f"networks: {n} of 10000 (0 %, 2.8 h left)" for n in (5, 10, 15, 20)]


def test_time_left_follows_the_pace_of_this_run_alone(stream, clock):
    progress = LogProgress(stream, clock)
    progress.start("waves", 100, done=50)
    clock.now = 60.0
    progress.advance(10)
    assert told(stream)[1] == "waves: 60 of 100 (60 %, 4 min left)"


def test_what_was_there_before_counts(stream, clock):
    progress = LogProgress(stream, clock)
    progress.start("scores", 100, done=95)
    progress.advance(5)
    assert told(stream) == ["scores: 95 of 100", "scores: 100 of 100 (100 %)"]


def test_an_empty_stage_is_no_fault(stream, clock):
    progress = LogProgress(stream, clock)
    progress.start("scores", 0)
    progress.finish()
    assert told(stream) == ["scores: 0 of 0", "scores: done, 0 of 0 in 0.0 s"]


def test_messages_and_warnings_are_lines(stream):
    progress = LogProgress(stream)
    progress.message("device: cpu")
    progress.warning("2 tasks failed")
    assert told(stream) == ["device: cpu", "warning: 2 tasks failed"]


def test_silence_tells_nothing(capsys):
    progress: Progress = SilentProgress()
    progress.start("waves", 3)
    progress.advance(3)
    progress.message("x")
    progress.warning("x")
    progress.finish()
    assert capsys.readouterr() == ("", "")
