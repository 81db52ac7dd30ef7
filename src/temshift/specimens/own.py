"""Specimens of one's own: structure files, and which of their atoms are the particles."""

import math
from collections.abc import Mapping
from numbers import Integral
from typing import Annotated, Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from temshift.configuration import Configuration
from temshift.configuration.unions import chosen_by
from temshift.core import InputError
from temshift.specimens.cells import SUBSTRATE, wrapped
from temshift.specimens.recipe import MixtureRecipe, SpecimenRecipe
from temshift.specimens.sources import SourceFile, read_source
from temshift.specimens.validation import HEAVIEST, SAME_SPOT, require_apart, require_sound

MOST_PARTICLES = 100
GREATEST_HEIGHT = 2000.0  # of the atoms of a file [A]
_SAME_CELL = 1e-4  # A, as text files round

Positions = NDArray[np.float64]
Marks = NDArray[np.bool_]


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _label_kind(given: Any) -> str | None:
    if isinstance(given, str):
        return "text"
    return "number" if isinstance(given, Integral) and not isinstance(given, bool) else None


Label = Annotated[
    Annotated[int, Tag("number")] | Annotated[str, Tag("text")], chosen_by(_label_kind, "a whole number or text")
]


class LabelChoice(Configuration):
    """Atoms whose entry in a per-atom array of the file, such as "tags", is one of some values."""

    array: Annotated[str, Field(min_length=1)]
    values: Annotated[tuple[Label, ...], Field(min_length=1)]


class ParticleChoice(Configuration):
    """Which atoms of a file are particles: by element, by label, or by a second file that holds them alone.

    Atoms of the second file are found in the first by their places, so both have the same origin.
    """

    elements: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    label: LabelChoice | None = None
    file: Annotated[tuple[SourceFile, ...], BeforeValidator(_listed), Field(min_length=1)] | None = None

    @field_validator("elements")
    @classmethod
    def _known(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = [symbol for symbol in symbols or () if not 1 <= atomic_numbers.get(symbol, 0) <= HEAVIEST]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no element from H to U; write symbols such as Au")
        return symbols

    @model_validator(mode="after")
    def _exactly_one(self) -> "ParticleChoice":
        given = [name for name in ("elements", "label", "file") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(given) or 'nothing'} given; write one of: elements: [Au], "
                "label: {array: tags, values: [1]}, file: PATH"
            )
        return self

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialise(self).items() if value is not None}


class FileRecipe(Configuration):
    """Specimens from files, specimen i from file i; the beam runs along +z of the file.

    Atoms outside the cell along x and y are wrapped; a file that is periodic along z is cut at its widest gap along z.

    ``margin_angstrom`` is the vacuum before the first and behind the last atom. Particle atoms nearer to each other
    than ``linking_distance_angstrom``, itself or by steps, are one particle. All files are read and checked at once.
    """

    files: Annotated[tuple[SourceFile, ...], Field(min_length=1)]
    particle: ParticleChoice
    margin_angstrom: Annotated[float, Field(ge=0.5, le=100)] = 2.0
    linking_distance_angstrom: Annotated[float, Field(ge=0.5, le=20)] = 4.0

    _cell: tuple[float, float] = PrivateAttr()
    _elements: tuple[str, ...] = PrivateAttr()
    _atoms_per_area: float = PrivateAttr()

    @model_validator(mode="after")
    def _simulable(self) -> "FileRecipe":
        second = self.particle.file
        if second is not None and len(second) != len(self.files):
            raise ValueError(f"{len(self.files)} files and {len(second)} of particles; give as many of both")
        try:
            self._cell, self._elements, most = _surveyed(self)
        except InputError as error:
            raise ValueError(str(error)) from error
        self._atoms_per_area = most / math.prod(self._cell)
        return self

    @property
    def atoms_per_area(self) -> float:
        """Atoms over each A^2, at most [1/A^2]."""
        return self._atoms_per_area

    @property
    def cell(self) -> tuple[float, float]:
        """Sides along (x, y) [A], the same for all files."""
        return self._cell

    @property
    def elements(self) -> set[str]:
        """Symbols of the elements that specimens hold."""
        return set(self._elements)

    @property
    def sites(self) -> set[tuple[str, str]]:
        """Name of the crystal, here none, and symbol of all atoms that differ in their thermal motion."""
        return {("", symbol) for symbol in self._elements}


_KINDS: dict[str, type[SpecimenRecipe] | type[MixtureRecipe] | type[FileRecipe]] = {
    kind.__name__: kind for kind in (SpecimenRecipe, MixtureRecipe, FileRecipe)
}


def recipe_kind(given: Any) -> str:
    """Return which recipe a mapping is meant to be, by the keys that it has.

    Parameters
    ----------
    given : mapping or recipe
        The value in a configuration.

    Returns
    -------
    str
        "SpecimenRecipe", "MixtureRecipe" or "FileRecipe".

    Examples
    --------
    >>> recipe_kind({"files": ["a.xyz"], "particles": {"elements": ["Au"]}})
    'FileRecipe'
    """
    if not isinstance(given, Mapping):
        return type(given).__name__ if type(given) in _KINDS.values() else "SpecimenRecipe"
    if "files" in given:
        return "FileRecipe"
    return max(_KINDS, key=lambda kind: len(_KINDS[kind].model_fields.keys() & given.keys()))


Recipe = Annotated[
    Annotated[SpecimenRecipe, Tag("SpecimenRecipe")]
    | Annotated[MixtureRecipe, Tag("MixtureRecipe")]
    | Annotated[FileRecipe, Tag("FileRecipe")],
    Discriminator(recipe_kind),
]


def own_specimen(recipe: FileRecipe, index: int) -> Atoms:
    """Read one specimen; see `build_specimen` for what it gives.

    Parameters
    ----------
    recipe : FileRecipe
        Which files, and which atoms are particles.
    index : int
        Number of the specimen, and of its file.

    Returns
    -------
    ase.Atoms
        ``info["particles"]`` has no crystal and no orientation; ``radius_angstrom`` is the greatest distance of an
        atom from the centre, seen along the beam, and ``info["substrate_thickness_angstrom"]`` the extent along z of
        all that is no particle, 0 where nothing else is there.

    Raises
    ------
    InputError
        If the recipe has no such file, or the file is missing, altered, or can't be simulated.
    """
    require_available(recipe, index)
    source = recipe.files[index]
    structure = read_source(source)
    atoms = _placed(structure, recipe.margin_angstrom, source.path)
    numbers = _numbered(atoms, _marked(recipe, index, structure), recipe.linking_distance_angstrom, source.path)
    atoms.arrays["particle"] = numbers
    atoms.info["particles"] = [_facts(atoms, numbers == number) for number in range(int(numbers.max()) + 1)]
    heights = atoms.positions[numbers == SUBSTRATE, 2]
    atoms.info["substrate_thickness_angstrom"] = float(np.ptp(heights)) if len(heights) else 0.0
    return atoms


def require_available(recipe: Recipe, index: int) -> None:
    """Refuse the number of a specimen that a recipe does not have.

    Parameters
    ----------
    recipe : SpecimenRecipe, MixtureRecipe or FileRecipe
        The first two have any number of specimens.
    index : int
        Number of a specimen.

    Raises
    ------
    InputError
        If there are fewer files.
    """
    if isinstance(recipe, FileRecipe) and not 0 <= index < len(recipe.files):
        raise InputError(
            f"specimen {index} is asked for, but the recipe has {len(recipe.files)} files, counted from 0; "
            "add files or lower the count"
        )


def _surveyed(recipe: FileRecipe) -> tuple[tuple[float, float], tuple[str, ...], int]:
    """Sides (x, y) [A] that all specimens share, symbols that any has, and most atoms; each of them is checked."""
    sides: list[tuple[float, float]] = []
    numbers: set[int] = set()
    most = 0
    for index, source in enumerate(recipe.files):
        atoms = own_specimen(recipe, index)
        sides.append((float(atoms.cell[0, 0]), float(atoms.cell[1, 1])))
        numbers |= set(atoms.numbers.tolist())
        most = max(most, len(atoms))
        if max(abs(ours - first) for ours, first in zip(sides[-1], sides[0], strict=True)) > _SAME_CELL:
            raise InputError(
                f"{source.path}: the cell is {_sides_text(sides[-1])}, that of {recipe.files[0].path} "
                f"{_sides_text(sides[0])}; give files whose cells agree along x and y"
            )
    return sides[0], tuple(sorted(chemical_symbols[number] for number in numbers)), most


def _sides_text(sides: tuple[float, float]) -> str:
    return f"{sides[0]:g} x {sides[1]:g} A"


def _placed(structure: Atoms, margin: float, name: str) -> Atoms:
    """Atoms wrapped along x and y, the lowest at z = margin, in a cell that ends a margin above the highest."""
    across = [*np.asarray(structure.cell[:])[:2], [0.0, 0.0, 1.0]]
    require_sound(Atoms(cell=across), name)
    positions = (
        _opened(structure, name) if structure.pbc[2] and structure.cell[2].any() else np.array(structure.positions)
    )
    with np.errstate(invalid="ignore"):
        positions[:, :2] = wrapped(positions[:, :2], (across[0][0], across[1][1]))
    heights = positions[np.isfinite(positions).all(axis=1), 2]
    lowest, highest = (heights.min(), heights.max()) if len(heights) else (0.0, 0.0)
    if highest - lowest > GREATEST_HEIGHT:
        raise InputError(
            f"{name}: the atoms reach over {highest - lowest:.4g} A along z, from atom {positions[:, 2].argmin()} to "
            f"{positions[:, 2].argmax()}; at most {GREATEST_HEIGHT:g} A are allowed, remove what strayed"
        )
    positions[:, 2] += margin - lowest
    height = float(highest - lowest + 2 * margin)
    atoms = Atoms(structure.numbers, positions, cell=[across[0][0], across[1][1], height], pbc=(True, True, False))
    require_sound(atoms, name)
    require_apart(atoms, name)
    return atoms


def _opened(structure: Atoms, name: str) -> Positions:
    """Positions in a file that is periodic along z too, cut at its widest gap, so that its border splits nothing."""
    require_sound(Atoms(cell=structure.cell), name)
    height, positions = float(structure.cell[2, 2]), np.array(structure.positions)
    known = np.isfinite(positions[:, 2])
    inside = np.sort(np.mod(positions[known, 2], height))
    if len(inside):
        gaps = np.diff(inside, append=inside[0] + height)
        lowest = inside[(int(gaps.argmax()) + 1) % len(inside)]
        positions[known, 2] = np.mod(positions[known, 2] - lowest + SAME_SPOT / 2, height)
    return positions


def _marked(recipe: FileRecipe, index: int, structure: Atoms) -> Marks:
    """Which atoms (atoms,) are of a particle."""
    choice, name = recipe.particle, recipe.files[index].path
    if choice.elements is not None:
        marks, chosen = np.isin(structure.symbols, choice.elements), f"of {', '.join(choice.elements)}"
        remedy = f"the file has {', '.join(sorted(set(structure.symbols)))}"
    elif choice.label is not None:
        marks, chosen = _labelled(structure, choice.label, name), f"labelled so in {choice.label.array!r}"
        remedy = f"its values are {_some(structure.arrays[choice.label.array])}"
    else:
        second = (choice.file or ())[index]
        marks, chosen = _matched(structure, read_source(second), name, second.path), f"in {second.path}"
        remedy = "give a file of the particle"
    if not marks.any():
        raise InputError(f"{name}: no atom is {chosen}; {remedy}")
    return marks


def _labelled(structure: Atoms, label: LabelChoice, name: str) -> Marks:
    labels = {key: array for key, array in structure.arrays.items() if array.ndim == 1}
    if label.array not in labels:
        raise InputError(f"{name} has no array {label.array!r} of one value an atom; it has {', '.join(labels)}")
    texts = [str(value) for value in _whole(labels[label.array]).tolist()]
    return np.isin(texts, [str(value) for value in label.values])


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers if all floating ones are whole, so that 1.0 reads as 1."""
    return values.astype(np.int64) if values.dtype.kind == "f" and (np.mod(values, 1) == 0).all() else values


def _some(values: NDArray[Any]) -> str:
    different = np.unique(_whole(values)).tolist()
    return ", ".join(map(str, different[:8])) + (", ..." if len(different) > 8 else "")


def _matched(structure: Atoms, particle: Atoms, name: str, second: str) -> Marks:
    """Find the atoms of a particle by element and place, across the border along x and y too."""
    box = np.array([structure.cell[0, 0], structure.cell[1, 1], 0.0])
    marks = np.zeros(len(structure), dtype=bool)
    if not np.isfinite(particle.positions).all():
        raise InputError(f"{second} has positions that are not numbers; mend the file")
    places = [_across(atoms.positions, box) for atoms in (structure, particle)]
    tree = cKDTree(places[0], boxsize=box)
    gaps, neighbours = tree.query(places[1], distance_upper_bound=SAME_SPOT)
    nearest = np.asarray(neighbours)
    there = np.isfinite(gaps)
    there[there] = structure.numbers[nearest[there]] == particle.numbers[there]
    marks[nearest[there]] = True
    if marks.sum() != len(particle):
        raise InputError(
            f"{name} lacks {len(particle) - marks.sum()} of the {len(particle)} atoms of {second} (same element within "
            f"{SAME_SPOT} A); write both files from one set of coordinates"
        )
    return marks


def _across(positions: Positions, box: NDArray[np.float64]) -> Positions:
    return np.column_stack([wrapped(positions[:, :2], (box[0], box[1])), positions[:, 2]])


def _numbered(atoms: Atoms, marks: Marks, linking: float, name: str) -> NDArray[np.int16]:
    """Number (atoms,) of each atom's particle in the order of the file, -1 where it is of none."""
    box = np.array([atoms.cell[0, 0], atoms.cell[1, 1], 0.0])
    pairs = cKDTree(atoms.positions[marks], boxsize=box).query_pairs(linking, output_type="ndarray")
    size = int(marks.sum())
    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    count, group = connected_components(links, directed=False)
    if count > MOST_PARTICLES:
        raise InputError(
            f"{name}: the particle atoms fall into {count} groups that lie more than {linking:g} A apart, at most "
            f"{MOST_PARTICLES} are allowed; choose other atoms or raise linking_distance_angstrom"
        )
    numbers = np.full(len(atoms), SUBSTRATE, dtype=np.int16)
    numbers[marks] = group
    return numbers


def _facts(atoms: Atoms, members: Marks) -> dict[str, object]:
    sides = np.diag(atoms.cell[:])[:2]
    points = atoms.positions[members]
    angles = np.angle(np.exp(2j * np.pi * points[:, :2] / sides).mean(axis=0))
    near = angles / (2 * np.pi) * sides  # a middle that does not mind the border
    offsets = points[:, :2] - near
    offsets -= np.round(offsets / sides) * sides
    center = near + offsets.mean(axis=0)
    return {
        "crystal": "",
        "atoms": len(points),
        "center_xy_angstrom": wrapped(center[None], (sides[0], sides[1]))[0].tolist(),
        "center_z_angstrom": float(points[:, 2].mean()),
        "radius_angstrom": float(np.hypot(*(offsets - offsets.mean(axis=0)).T).max()),
    }
