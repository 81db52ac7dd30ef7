"""Whether new waves fit: disk and memory, looked at before anything starts."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import psutil

from temshift.core import InputError
from temshift.databases.wave_sets import WaveSet
from temshift.exitwaves import finished_shards

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def require_room(root: Path, needs: Sequence[tuple[Path, WaveSet, Sequence[int]]], workers: int) -> None:
    """Refuse to start if the disk or the memory of this machine has too little room.

    Parameters
    ----------
    root : Path
        The folder that files go to.
    needs : sequence of (Path, WaveSet, shards)
        Stores, the sets that go there, and their shards; finished ones count as there.
    workers : int
        Processes.

    Raises
    ------
    InputError
        If there is too little room.
    """
    lacking, free = sum(missing_bytes(*need) for need in needs), shutil.disk_usage(_existing(root)).free
    if lacking > free:
        raise InputError(
            f"{root}: exit waves take {size_text(lacking)}, {size_text(free)} are free; free some, name another folder "
            "with --output, or store coarser (stored_sampling_angstrom)"
        )
    processes = max(workers, 1)
    memory, there = processes * max((waves.worker_bytes for _, waves, _ in needs), default=0), machine_memory()
    if memory > there:
        raise InputError(
            f"{processes} workers take {size_text(memory)} of memory, {size_text(there)} are there; take fewer with "
            "--workers, a smaller per_shard, or a coarser sampling_angstrom"
        )


def machine_memory() -> int:
    """Bytes of memory that this process may take: of the machine, or of the job or container if that is less."""
    limits = [int(psutil.virtual_memory().total)]  # of the machine: it knows no limit of a container
    for path in CGROUP_LIMITS:
        text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        limits += [int(text)] if text.isdigit() else []
    return min(limits)


def size_text(count: float) -> str:
    """Write a number of bytes for people.

    Examples
    --------
    >>> size_text(8_000), size_text(26_600_000), size_text(17e9)
    ('8 kB', '27 MB', '17.0 GB')
    """
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def missing_bytes(place: Path, waves: WaveSet, shards: Sequence[int]) -> int:
    """Bytes on disk that some shards of a set still take: those without a record."""
    made = finished_shards(place) if (place / "manifest.json").exists() else set()
    lacking = set(shards) - made
    return sum(len(waves.layout.specimens_of(shard)) for shard in lacking) * waves.layout.specimen_bytes


def _existing(folder: Path) -> Path:
    return next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
