"""What a run can lose through no fault of a task."""

from temshift.core.errors import TemshiftError


class WorkerLostError(TemshiftError):
    """The process that ran a task was killed or ended by itself; the task has no result."""


class SchedulerLostError(TemshiftError):
    """The cluster that runs the tasks can no longer be reached; no task of it will end."""
