"""Inline, in local processes or on a cluster: the same tasks, the same results; progress as callbacks."""

from temshift.execution.executors import InlineExecutor, executor_width, make_executor
from temshift.execution.losses import SchedulerLostError, WorkerLostError
from temshift.execution.processes import ProcessExecutor
from temshift.execution.progress import LogProgress, Progress, SilentProgress, duration_text
from temshift.execution.tasks import Outcome, Task, run_tasks, stream_tasks

__all__ = [
    "InlineExecutor",
    "LogProgress",
    "Outcome",
    "ProcessExecutor",
    "Progress",
    "SchedulerLostError",
    "SilentProgress",
    "Task",
    "WorkerLostError",
    "duration_text",
    "executor_width",
    "make_executor",
    "run_tasks",
    "stream_tasks",
]
