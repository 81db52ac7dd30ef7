"""Which networks of a study a folder was asked for: all, or those of some numbers."""

from collections.abc import Sequence

from temshift.core import DamagedError, TemshiftError
from temshift.storage import read_json, write_json
from temshift.studies.folder import StudyFolder, Warn, stored_study
from temshift.studies.planning.plan import Plan


def keep_selection(folder: StudyFolder, chosen: range | None) -> None:
    """Note the numbers of the networks that a run makes beside those of earlier runs; None are all."""
    if chosen is None:
        folder.selection.unlink(missing_ok=True)
        return
    started = folder.networks.exists() and not folder.selection.exists()
    if started:
        return  # the whole study was asked for before
    try:
        earlier = read_selection(folder) or []
    except TemshiftError:
        earlier = []  # damaged: what is there is found again by its scores
    ranges = joined([*earlier, chosen])
    write_json(folder.selection, {"networks": [[some.start, some.stop] for some in ranges]})


def read_selection(folder: StudyFolder) -> list[range] | None:
    """Return the numbers of the networks that a folder was asked for; None if it was asked for all.

    Raises
    ------
    DamagedError
        If the note can't be read.
    """
    if not folder.selection.exists():
        return None
    try:
        return [range(int(start), int(stop)) for start, stop in read_json(folder.selection)["networks"]]
    except (KeyError, TypeError, ValueError) as error:
        fault = f"{folder.selection} is damaged; temshift run with --networks writes it again"
        raise DamagedError(fault) from error


def stored_plan(folder: StudyFolder, warn: Warn | None = None) -> Plan:
    """Return the plan of the study of a folder, with the networks that it was asked for.

    ``warn`` is called if its files were altered but can be read; without it that is an error. See `stored_study`.
    """
    study = stored_study(folder, warn)
    try:
        return Plan(study, read_selection(folder))
    except DamagedError as error:
        if warn is None:
            raise
        warn(f"{error}; until then all networks of the study count as asked for")
        return Plan(study)


def joined(ranges: Sequence[range]) -> list[range]:
    """Join ranges of numbers that meet or overlap.

    Examples
    --------
    >>> joined([range(4, 6), range(0, 2), range(2, 3)])
    [range(0, 3), range(4, 6)]
    """
    result: list[range] = []
    for some in sorted(ranges, key=lambda some: some.start):
        if result and some.start <= result[-1].stop:
            result[-1] = range(result[-1].start, max(result[-1].stop, some.stop))
        else:
            result.append(some)
    return result
