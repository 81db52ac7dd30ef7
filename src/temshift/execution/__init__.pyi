from .executors import InlineExecutor, executor_width, make_executor
from .losses import SchedulerLostError, WorkerLostError
from .processes import ProcessExecutor
from .progress import LogProgress, Progress, SilentProgress, duration_text
from .stages import Work
from .tasks import Outcome, Task, run_tasks, stream_tasks

__all__ = [
    "InlineExecutor",
    "LogProgress",
    "Outcome",
    "ProcessExecutor",
    "Progress",
    "SchedulerLostError",
    "SilentProgress",
    "Task",
    "Work",
    "WorkerLostError",
    "duration_text",
    "executor_width",
    "make_executor",
    "run_tasks",
    "stream_tasks",
]
