"""Whether the atoms read from a CIF are those of its own formula, number of formula units, volume and density."""

import re
from collections import Counter

import numpy as np
from ase import Atoms

from temshift.specimens.reading.blocks import Block
from temshift.specimens.reading.elements import symbol_of_type

_DALTON_PER_A3 = 1.66053906660  # as g/cm3
_ROUNDED = 5e-3  # of a share, in a formula of decimal numbers
_CALCULATED, _MEASURED, _VOLUME = 0.03, 0.25, 0.02  # how far densities and a volume may be off, as shares
_DENSITIES = (("_exptl_crystal_density_diffrn", _CALCULATED), ("_exptl_crystal_density_meas", _MEASURED))
_TOKEN = re.compile(
    r"(?P<open>[(\[])|(?:(?P<close>[)\]])|(?P<symbol>[A-Z][a-z]?))(?P<times>\d{1,9}\.?\d{0,9}|\.\d{1,9})?"
)
_CHARGE = re.compile(r"\s\d*[+-]$")
_PART = re.compile(r"(\d{0,9})\s*(.*)")


def formula_of(block: Block) -> dict[str, float] | None:
    """Read the sum formula of a block, or else the sum of its moieties.

    Parameters
    ----------
    block : Block
        Of a CIF.

    Returns
    -------
    dict or None
        Element to number; None if there is no formula, or none that can be read.
    """
    text = block.text("_chemical_formula_sum")
    return _parsed(text) if text else _of_moieties(block.text("_chemical_formula_moiety"))


def composition_fault(block: Block, atoms: Atoms, volume: float) -> str | None:
    """Compare the atoms of a cell with all that its file says of them.

    Parameters
    ----------
    block : Block
        May give a formula, Z, a volume and densities.
    atoms : ase.Atoms
        All of the cell.
    volume : float
        Of the cell [A^3].

    Returns
    -------
    str or None
        The first contradiction, with its remedy; None if there is none.
    """
    read = Counter(atoms.symbols)
    formula, units = formula_of(block), block.number("_cell_formula_units_z")
    if formula and not _same_shares(read, formula):
        return (
            f"the atoms read are {_text(read)}, but its formula is {_text(formula)}; mend sites and symmetry, or the "
            "formula if it is wrong"
        )
    if formula and units and not _same_count(read, formula, units):
        whole = _text({symbol: count * units for symbol, count in formula.items()})
        return (
            f"the atoms read are {_text(read)}, but its formula {_text(formula)} with Z = {units:g} makes {whole}; "
            "mend sites and symmetry, or Z if it is wrong"
        )
    return _weight_fault(block, atoms, units) or _volume_fault(block, atoms, volume)


def _weight_fault(block: Block, atoms: Atoms, units: float | None) -> str | None:
    weight = block.number("_chemical_formula_weight")
    mass = float(atoms.get_masses().sum())
    if weight and units and abs(mass / (weight * units) - 1) > _CALCULATED:
        return (
            f"the atoms read, {_text(Counter(atoms.symbols))} a cell, weigh {mass:.5g} Da, but "
            f"_chemical_formula_weight {weight:g} with Z = {units:g} makes {weight * units:.5g}; mend sites and "
            "symmetry, or the weight if it is wrong"
        )
    return None


def _volume_fault(block: Block, atoms: Atoms, volume: float) -> str | None:
    given = block.number("_cell_volume")
    if given and abs(volume / given - 1) > _VOLUME:
        return f"its cell has {volume:.5g} A^3, but _cell_volume says {given:g}; mend either"
    density = float(atoms.get_masses().sum()) / volume * _DALTON_PER_A3
    return _density_fault(block, density, _text(Counter(atoms.symbols)))


def _density_fault(block: Block, density: float, atoms: str) -> str | None:
    for tag, tolerance in _DENSITIES:
        given = block.number(tag)
        if given and abs(density / given - 1) > tolerance:
            return (
                f"the atoms read, {atoms} a cell, make {density:.4g} g/cm3, but {tag} says {given:g}; mend sites, "
                "symmetry or density"
            )
    return None


def _same_shares(read: Counter[str], formula: dict[str, float]) -> bool:
    symbols = sorted(set(read) | set(formula))
    ours, theirs = (np.array([counts.get(symbol, 0) for symbol in symbols], dtype=float) for counts in (read, formula))
    whole = bool((np.mod(theirs, 1) == 0).all())
    tolerance = 1e-9 if whole else _ROUNDED
    return bool(np.abs(ours / ours.sum() - theirs / theirs.sum()).max() <= tolerance)


def _same_count(read: Counter[str], formula: dict[str, float], units: float) -> bool:
    return bool(abs(read.total() / (units * sum(formula.values())) - 1) <= _ROUNDED)


def _text(counts: Counter[str] | dict[str, float]) -> str:
    return " ".join(f"{symbol}{count:g}" for symbol, count in sorted(counts.items()))


def _parsed(text: str) -> dict[str, float] | None:
    """Read a formula such as C2 H6 O, with groups such as Ca (O H)2; None if it cannot be read, or in several ways.

    Examples
    --------
    >>> _parsed("Fe2 O3"), _parsed("CO2"), _parsed("Ca(OH)2")
    ({'Fe': 2.0, 'O': 3.0}, None, {'Ca': 1.0, 'O': 2.0, 'H': 2.0})
    """
    open_groups: list[dict[str, float]] = [{}]
    for word in _CHARGE.sub("", text).split():
        position = 0
        while position < len(word):
            match = _TOKEN.match(word, position)
            if match is None or not _take(match, open_groups):
                return None
            position = match.end()
    whole = open_groups[0]
    return whole if len(open_groups) == 1 and sum(whole.values()) > 0 else None


def _take(token: re.Match[str], open_groups: list[dict[str, float]]) -> bool:
    """Count an element, or open or close a group; False if that has no meaning or several."""
    times = float(token["times"] or 1)
    if token["open"]:
        open_groups.append({})
        return True
    if token["close"]:
        if len(open_groups) < 2:
            return False
        added = {symbol: count * times for symbol, count in open_groups.pop().items()}
    else:
        symbol, after = symbol_of_type(token["symbol"]), token.string[token.end("symbol") :][:1]
        if symbol is None or _joined(token["symbol"], after) is not None:
            return False
        added = {symbol: times}
    for symbol, count in added.items():
        open_groups[-1][symbol] = open_groups[-1].get(symbol, 0) + count
    return True


def _joined(symbol: str, after: str) -> str | None:
    """The element that two capitals would make in lower case: CO may be cobalt or carbon monoxide; OH is none."""
    return symbol_of_type(symbol + after.lower()) if len(symbol) == 1 and after.isupper() else None


def _of_moieties(text: str) -> dict[str, float] | None:
    """Sum the parts of a moiety formula, such as "2(C6 H6), Cl 1-"; None if any cannot be read."""
    total: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _PART.fullmatch(part)
        counts = _parsed(match[2]) if match else None
        if match is None or counts is None:
            return None
        for symbol, count in counts.items():
            total[symbol] = total.get(symbol, 0) + count * int(match[1] or 1)
    return total or None
