"""Structure files of one's own, each known by the hash of its content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from ase import Atoms
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from temshift.configuration import Configuration
from temshift.core import InputError
from temshift.core.hashes import file_hash
from temshift.specimens.reading import listed, require_regular, structures_in, unreadable


class SourceFile(Configuration):
    """A file that ASE reads; a bare path stands for the file as it is now.

    The path counts from the folder where temshift is called. ``sha256`` is filled in if it is not given; a file
    that does not have the hash given is refused. ``structure_block`` chooses a structure of a file that holds several:
    the name of a block of a CIF, or a number from 0.
    """

    path: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = ""
    structure_block: Annotated[str, Field(min_length=1, max_length=80)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _hashed(cls, value: Any) -> Any:
        given = {"path": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping) or not isinstance(given.get("path"), str):
            return given
        sha256 = _hash_of(given["path"])
        if given.get("sha256", sha256) != sha256:
            raise ValueError(_altered(given["path"], str(given["sha256"]), sha256))
        block = given.get("structure_block")
        numbered = {"structure_block": str(block)} if isinstance(block, int) and not isinstance(block, bool) else {}
        return {**given, "sha256": sha256, **numbered}

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialise(self).items() if value is not None}


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
    structures = structures_in(source.path, source.structure_block)
    if len(structures) > 1:
        raise InputError(
            f"{source.path} holds {len(structures)} structures: {listed([item.name for item in structures])}; give a "
            f"file for each specimen, or choose by {{path: {source.path}, structure_block: {structures[0].name}}}"
        )
    if not structures or len(structures[0].atoms) == 0:
        raise InputError(f"{source.path} holds no atoms; give a file for each specimen, with one structure")
    return structures[0].atoms


def _hash_of(path: str) -> str:
    try:
        require_regular(path)
        return file_hash(Path(path))
    except InputError as error:
        raise ValueError(str(error)) from error
    except OSError as error:
        raise ValueError(str(unreadable(path, error))) from error


def _altered(path: str, recorded: str, present: str) -> str:
    return (
        f"{path} is not the file that was recorded: sha256 {present[:12]}... instead of {recorded[:12]}...; "
        "restore it, or remove its sha256 to take it as it is"
    )
