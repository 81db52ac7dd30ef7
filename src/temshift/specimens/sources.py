"""Structure files of one's own, each known by the hash of its content."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import ase.io
from ase import Atoms
from pydantic import Field, model_validator

from temshift.configuration.model import Configuration
from temshift.core.errors import InputError
from temshift.core.hashes import file_hash


class SourceFile(Configuration):
    """A file that ASE reads; a bare path stands for the file as it is now.

    The path counts from the folder where temshift is called. ``sha256`` is filled in if it is not given; a file
    that does not have the hash given is refused.
    """

    path: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = ""

    @model_validator(mode="before")
    @classmethod
    def _hashed(cls, value: Any) -> Any:
        given = {"path": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping) or not isinstance(given.get("path"), str):
            return given
        sha256 = _hash_of(given["path"])
        if given.get("sha256", sha256) != sha256:
            raise ValueError(_altered(given["path"], str(given["sha256"]), sha256))
        return {**given, "sha256": sha256}


def read_source(source: SourceFile) -> Atoms:
    """Read the one structure of a file.

    Parameters
    ----------
    source : SourceFile
        The file, unaltered since it was hashed.

    Returns
    -------
    ase.Atoms
        As the file has them.

    Raises
    ------
    InputError
        If the file is missing, altered, not of a format that ASE knows, or holds no or several structures, or sites
        that are partly occupied.
    """
    try:
        sha256 = _hash_of(source.path)
    except ValueError as error:
        raise InputError(str(error)) from error
    if sha256 != source.sha256:
        raise InputError(_altered(source.path, source.sha256, sha256))
    structures = structures_in(source.path)
    if len(structures) != 1 or len(structures[0]) == 0:
        what = "no atoms" if len(structures) < 2 else f"{len(structures)} structures"
        raise InputError(f"{source.path} holds {what}; give a file for each specimen, with one structure")
    return structures[0]


def structures_in(path: str) -> list[Atoms]:
    """Read every structure of a file.

    Parameters
    ----------
    path : str
        A file of any format that ASE reads.

    Returns
    -------
    list of ase.Atoms

    Raises
    ------
    InputError
        If ASE cannot read it, or sites are partly occupied.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of file readers, on the content of the file
            structures = list(ase.io.iread(path, index=":", do_not_split_by_at_sign=True))
    except Exception as error:  # readers raise errors of every kind
        raise InputError(
            f"{path}: ASE cannot read it ({_cause(error)}); give a structure file that it reads, such as .xyz or .cif"
        ) from error
    occupancies = [site for atoms in structures for site in atoms.info.get("occupancy", {}).values()]
    if any(share < 1 for site in occupancies for share in site.values()):
        raise InputError(f"{path} has sites that are partly occupied; give an ordered cell")
    return structures


def _hash_of(path: str) -> str:
    try:
        return file_hash(Path(path))
    except OSError as error:
        raise ValueError(
            f"cannot read {path}: {error.strerror}; give a path from the folder where temshift is called"
        ) from error


def _altered(path: str, recorded: str, present: str) -> str:
    return (
        f"{path} is not the file that was recorded: sha256 {present[:12]}... instead of {recorded[:12]}...; "
        "restore it, or remove its sha256 to take it as it is"
    )


def _cause(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
