"""Every kind of YAML file that a verb takes: recognised by its keys, and read by the verbs that take it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin

from temshift.conditions import ImagingConditions
from temshift.configuration import (
    Configuration,
    Document,
    open_document,
    parse_configuration,
    validated,
)
from temshift.core import InputError
from temshift.databases import Database
from temshift.exitwaves import ExitWaveSettings
from temshift.image_sets import ImageSet
from temshift.scoring import ScoringConditions
from temshift.specimens import FileRecipe, MixtureRecipe, Recipe, SpecimenRecipe
from temshift.storage import read_facts
from temshift.studies import Study
from temshift.workflows.train_network import SingleNetwork

Model = TypeVar("Model", bound=Configuration)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name : str
        Its name in messages.
    model : type
        The model that reads it.
    verbs : tuple of str
        The verbs that take it, first the one that it is for.
    example : str
        A file of this kind.
    marks : frozenset of str
        Keys of which a file has at least one, or else it is not taken for this kind.
    """

    name: str
    model: type[Configuration]
    verbs: tuple[str, ...]
    example: str
    marks: frozenset[str]

    @property
    def verb(self) -> str:
        """The verb that it is for, as a command."""
        return f"temshift {self.verbs[0]}"

    def strangeness(self, data: Mapping[str, Any]) -> int:
        """Return how many keys are unknown to this kind, how many it lacks, and how many hold a list out of place."""
        fields = self.model.model_fields
        required = {key: field for key, field in fields.items() if field.is_required()}
        misplaced = [
            key
            for key, field in required.items()
            if key in data and isinstance(data[key], list) != (get_origin(field.annotation) is tuple)
        ]
        return len(data.keys() - fields.keys()) + len(required.keys() - data.keys()) + len(misplaced)


def _kind(name: str, model: type[Configuration], verbs: str, example: str, *marks: str) -> Kind:
    return Kind(name, model, tuple(verbs.split()), f"examples/{example}", frozenset(marks))


_PARAMETERS = ImagingConditions.model_fields
_WAVES = ("specimens", "counts", "exit_waves")
# In the order in which they are tried: of two kinds that are as near, the first is taken.
KINDS = (
    _kind("a study", Study, "run images ctf compare design predict score", "quick_study.yaml", "conditions", *_WAVES),
    _kind("a database", Database, "simulate", "tiny_database.yaml", *_WAVES),
    _kind("an image set", ImageSet, "images ctf compare design predict score", "conditions.yaml", "conditions"),
    _kind("a single network", SingleNetwork, "train", "network.yaml", "database"),
    _kind(
        "conditions to score under",
        ScoringConditions,
        "score images ctf compare design predict",
        "own_network.yaml",
        "test",
    ),
    _kind("a recipe of specimens", SpecimenRecipe, "specimens", "specimens.yaml", "cell_nm", "substrate", "particles"),
    _kind("a recipe of specimens", MixtureRecipe, "specimens", "specimens.yaml", "mixture"),
    _kind("a recipe of specimens", FileRecipe, "specimens", "specimens.yaml", "files", "particle"),
    _kind(
        "one distribution of parameters",
        ImagingConditions,
        "compare images ctf design predict score",
        "microscope_a.yaml",
        *_PARAMETERS,
    ),
)


def kind_of(document: Document, *models: type[Configuration]) -> Kind | None:
    """Return the kind of file that the keys of a document come nearest to.

    Parameters
    ----------
    document : Document
        An open file.
    *models : type
        Models of the kinds that a verb takes: of kinds that are as near these come first, and they need no marks.

    Returns
    -------
    Kind or None
        None if no kind is expected and the document holds no mapping, or no key that marks a kind.
    """
    data: Mapping[str, Any] = document.data if isinstance(document.data, dict) else {}
    expected = [kind for model in models for kind in KINDS if kind.model is model]
    marked = [kind for kind in KINDS if kind.marks & data.keys()]
    return min([*expected, *marked], key=lambda kind: kind.strangeness(data), default=None)


def load_input(path: Path | str, *models: type[Model]) -> Model:
    """Read a file of one of the kinds that a verb takes.

    Raises
    ------
    InputError
        If the file can't be read, is faulty, or is of another kind: the message names it, and the verb that takes it.
    """
    path = Path(path)
    document = open_document(path)
    kind = kind_of(document, *models)
    chosen = [model for model in models if kind is None or kind.model is model]
    if kind is not None and not chosen:
        raise _another_kind(path, kind, *models)
    return validated(document, chosen[0], str(path))


def load_any(path: Path | str) -> tuple[Kind, Configuration]:
    """Read a file of any kind.

    Returns
    -------
    Kind, Configuration
        The kind that its keys come nearest to, and the content.

    Raises
    ------
    InputError
        If the file can't be read, is faulty, or is of no kind.
    """
    path = Path(path)
    if path.suffix == ".json":
        return next(kind for kind in KINDS if kind.model is Database), load_database(path)
    document = open_document(path)
    kind = kind_of(document)
    if kind is None:
        kind = KINDS[0]
        if isinstance(document.data, dict) and not document.data.keys() & Study.model_fields.keys():
            raise InputError(f"{path} has no key of any file that temshift reads; these are {_every_kind()}")
    return kind, validated(document, kind.model, str(path))


def _every_kind() -> str:
    return ", ".join(f"{kind.name} ({kind.example})" for kind in KINDS)


def load_database(path: Path | str) -> Database:
    """Read a database file (YAML), or the manifest (JSON) of a database that was made before."""
    path = Path(path)
    if path.suffix == ".json":
        return parse_configuration(json.dumps(read_facts(path)["database"]), Database, str(path))
    return load_input(path, Database)


def load_plan(path: Path | str) -> Study | Database:
    """Read a study or a database file."""
    path = Path(path)
    models: tuple[type[Study | Database], ...] = (Study, Database)
    return load_input(path, *models)


def load_single(path: Path | str) -> SingleNetwork:
    """Read a file of one network."""
    path = Path(path)
    return load_input(path, SingleNetwork)


def load_recipe(path: Path | str) -> Recipe:
    """Read a recipe from a file of its own, or from the section ``specimens`` of a study or database file.

    Parameters
    ----------
    path : Path
        YAML.

    Returns
    -------
    SpecimenRecipe, MixtureRecipe or FileRecipe

    Raises
    ------
    InputError
        If the file can't be read, is of another kind, or has faults; faults of other sections are not looked for.
    """
    path = Path(path)
    return _recipe_in(path, open_document(path), _Section).specimens


def load_specimens(path: Path) -> tuple[Recipe, ExitWaveSettings | None]:
    """Read a recipe as `load_recipe` does, with the section ``exit_waves`` if it is there."""
    sections = _recipe_in(path, open_document(path), _Sections)
    return sections.specimens, sections.exit_waves


class _Section(Configuration, extra="ignore"):
    specimens: Recipe


class _Sections(Configuration, extra="ignore"):
    specimens: Recipe
    exit_waves: ExitWaveSettings | None = None


Sections = TypeVar("Sections", _Section, _Sections)


def _recipe_in(path: Path, document: Document, sections: type[Sections]) -> Sections:
    kind = kind_of(document)
    if kind is not None and kind.model in (Study, Database):
        return validated(document, sections, str(path))
    if kind is None:
        return sections(specimens=validated(document, SpecimenRecipe, str(path)))
    if kind.model not in (SpecimenRecipe, MixtureRecipe, FileRecipe):
        raise _another_kind(path, kind, SpecimenRecipe)
    return sections(specimens=validated(document, kind.model, str(path)))


def _another_kind(path: Path, kind: Kind, *models: type[Configuration]) -> InputError:
    expected = [other for model in models for other in KINDS if other.model is model]
    names, example = " or ".join(other.name for other in expected), expected[0].example
    return InputError(f"{path} is {kind.name}, not {names}; give it to {kind.verb}, or see {example}")
