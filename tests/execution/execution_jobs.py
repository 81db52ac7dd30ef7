"""Functions that the tests run in worker processes."""

import os
import signal
import time
from pathlib import Path


def square(number):
    return number * number


def give_back(value):
    return value


def process_number():
    return os.getpid()


def slow_process_number(seconds):
    time.sleep(seconds)
    return os.getpid()


def environment(name):
    return os.environ.get(name)


def threads_used_by_torch():
    import torch

    return torch.get_num_threads()


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_self_once(marker):
    if not Path(marker).exists():
        Path(marker).touch()
        kill_self()
    return "second try"


def note_and_kill_self(folder):
    Path(folder, f"{time.time_ns()}").touch()
    kill_self()


def fail(text):
    raise ValueError(text)


def leave():
    raise SystemExit(3)


def unpicklable_value():
    return lambda: None


class StubbornError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def fail_stubbornly():
    raise StubbornError("one", "two")


def note_and_sleep(folder, seconds):
    Path(folder, str(os.getpid())).touch()
    time.sleep(seconds)


def interrupt():
    raise KeyboardInterrupt


def note_and_stay(folder, seconds):
    """Leave a file that tells this process, and its end; stay long only where it is the first."""
    first = not list(Path(folder).iterdir())
    Path(folder, f"{os.getpid()}-{time.time_ns()}").touch()
    time.sleep(seconds if first else 0)
    return "stayed"
