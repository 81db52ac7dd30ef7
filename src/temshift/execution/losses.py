"""What a run can lose through no fault of a task."""

from temshift.core import TemshiftError


class WorkerLostError(TemshiftError):
    """The process that ran a task was killed or ended by itself; the task has no result."""


class SchedulerLostError(TemshiftError):
    """Nobody runs tasks any more: a cluster can't be reached, or local workers don't start; no task is to blame."""
