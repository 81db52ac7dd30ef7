"""Compare distributions of imaging conditions without any training: information transferred, lost and new."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temshift.conditions import ImagingConditions, nuisance_remarks, told_together
from temshift.configuration import ConfigurationError, parse_configuration, write_document
from temshift.core import InputError, wavelength
from temshift.information.comparison.bands import transferred_bands
from temshift.information.comparison.causes import cause_of_loss
from temshift.information.comparison.comparison import Comparison, Side
from temshift.information.comparison.specimen_pair import SpecimenPair, same_on_both
from temshift.information.comparison.verdict import NOTABLE, Verdict, chance_loss, preferred_rule, reason_text
from temshift.information.objects.library import ObjectLibrary
from temshift.information.objects.object_spectra import ObjectSpectra
from temshift.information.objects.shipped_libraries import SHIPPED_ENERGY, FocusPlane, shipped_library
from temshift.information.transfer.image_noise import ASSUMED_PIXEL
from temshift.information.transfer.metrics import Information, information_of
from temshift.information.transfer.pairs import pair_metrics
from temshift.information.transfer.survey import Survey
from temshift.optics import ImagingSettings, Microscope

if TYPE_CHECKING:
    from temshift.information.observers.observer import Expected, RuleName

Array = NDArray[np.float64]
Given = ImagingConditions | Mapping[str, Any]

LEAST_BITS = 1e-3  # epsilon below which images are all but noise
# fields that need the size of a pixel
IN_PIXELS = ("mtf_half_frequency", "ntf_half_frequency", "counting_frames", "read_noise")
IDEAL = ImagingSettings()


@dataclass(frozen=True)
class Bench:
    """The setting in which two distributions of conditions are compared.

    Attributes
    ----------
    energy : float
        Electron energy [eV].
    imaging : ImagingSettings
        Camera; a perfect one unless given.
    sampling : float, optional
        Size of a pixel before binning [A]; needed if the camera's MTF, NTF or read noise counts, and otherwise assumed
        to be 0.4, with a remark: noise up to the Nyquist frequency counts in d, sigma and the observers.
    rules : sequence of str
        Observers: "linear" (0.2 s a distribution), "forest" (seconds), "both", "ideal"; none is allowed.
    draws, seed : int
        Draws of conditions, and their root.
    focus : {"exit_plane", "minimum_contrast"}
        The plane that defocus counts from, for specimens that come with temshift; a library that is given has heights
        from its own.
    """

    energy: float = SHIPPED_ENERGY
    imaging: ImagingSettings = IDEAL
    sampling: float | None = None
    rules: Sequence["RuleName"] = ("linear",)
    draws: int = 256
    seed: int = 0
    focus: FocusPlane = "exit_plane"


DEFAULT_BENCH = Bench()


def compare(
    train: Given, test: Given, library: ObjectLibrary | None = None, bench: Bench = DEFAULT_BENCH
) -> Comparison:
    """Compare two distributions of imaging conditions by their transfer of information, without any training.

    Parameters
    ----------
    train, test : ImagingConditions or mapping
        The distributions; a mapping has the keys of a file, ``{"defocus_nm": 10, "dose_e_per_A2": 400}``.
    library : ObjectLibrary, optional
        Particles and films that are imaged; by default the CdSe that comes with temshift.
    bench : Bench
        Energy, camera, pixels, observers and draws.

    Returns
    -------
    Comparison
        Printed readably; ``to_json`` writes all of it.

    Raises
    ------
    InputError
        For faulty conditions; a band without a ring; a camera whose pixels have no known size.

    Examples
    --------
    >>> train = {"defocus_nm": 10, "dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12}
    >>> comparison = compare(train, {**train, "defocus_nm": -10}, bench=Bench(rules=(), draws=16))
    >>> 0 < comparison.pair.sigma.value < 0.9
    True
    """
    return compare_many({"training": train}, {"test": test}, library, bench)[0]


def compare_many(
    trainings: Mapping[str, Given],
    tests: Mapping[str, Given],
    library: ObjectLibrary | SpecimenPair | None = None,
    bench: Bench = DEFAULT_BENCH,
) -> list[Comparison]:
    """Compare every training distribution with every test distribution, as :func:`compare` does.

    Parameters
    ----------
    trainings, tests : mapping of str to ImagingConditions or mapping
        At least one on each side.
    library : ObjectLibrary or SpecimenPair, optional
        Particles and films that are imaged, the same on both sides or two kinds; CdSe by default. Observers learn from
        the particles of the training, and see those of the test. Names of conditions then say which.
    bench
        As for :func:`compare`.

    Returns
    -------
    list of Comparison
        Trainings one after the other, each with all tests.
    """
    objects, sides = _libraries(library, bench), _sides(trainings, tests, library)
    every = [one for named in sides for one in named.values()]
    survey, remarks = survey_for(every, objects[0], bench)
    bands = [band_of(one.mean, survey) for one in objects]
    ours, theirs = (
        {name: information_of(survey, one, band) for name, one in named.items()}
        for named, band in zip(sides, bands, strict=True)
    )
    spectra = bands[1]
    observed = _observed(sides, objects, survey, bench.rules)
    marks = told_together(nuisance_remarks([pair for named in sides for pair in named.items()]))
    pairs = [
        Comparison(
            Side(training, one, _seen(observed, 0, training, test)),
            Side(test, other, _seen(observed, 1, test, training)),
            spectra.q,
            pair_metrics(one, other, spectra),
            tuple(transferred_bands(spectra.q, one.bits, other.bits)),
            tuple(dict.fromkeys([*remarks, *marks, *_silent(training, one), *_silent(test, other)])),
            {"energy_kev": bench.energy / 1e3, "pixel_angstrom": 0.5 / survey.microscope.nyquist},
        )
        for training, one in ours.items()
        for test, other in theirs.items()
    ]
    return [_judged(pair, sides, objects[1], survey, observed) for pair in pairs]


def _libraries(given: ObjectLibrary | SpecimenPair | None, bench: Bench) -> tuple[ObjectLibrary, ObjectLibrary]:
    """The objects of both sides, with the same rings."""
    if isinstance(given, SpecimenPair):
        return given.on_one_grid
    library = given if given is not None else shipped_library(energy=bench.energy, focus=bench.focus)
    if not isinstance(library, ObjectLibrary):
        raise InputError(f"library = {library!r}; give an ObjectLibrary, such as shipped_library('Ag') returns")
    return same_on_both(library)


def _sides(
    trainings: Mapping[str, Given], tests: Mapping[str, Given], specimens: ObjectLibrary | SpecimenPair | None
) -> list[dict[str, ImagingConditions]]:
    """Whole conditions of both sides by name, which tells the specimens if they differ."""
    added = [f" with {name}" for name in specimens.names] if isinstance(specimens, SpecimenPair) else ["", ""]
    sides = [
        {f"{name}{words}": as_conditions(one, name) for name, one in named.items()}
        for named, words in zip((trainings, tests), added, strict=True)
    ]
    if not all(sides):
        raise InputError("no conditions to compare; give at least one on either side")
    return sides


def _judged(
    pair: Comparison,
    sides: Sequence[Mapping[str, ImagingConditions]],
    library: ObjectLibrary,
    survey: Survey,
    observed: "Observed",
) -> Comparison:
    """Return a comparison with its verdict, if an observer went both ways."""
    training, test = pair.distinct_sides()
    rule = preferred_rule(list(training.observers))
    if rule is None:
        return pair
    there, own = training.observers[rule][1], test.observers[rule][0]
    learnt = observed.get(((_OTHER_SPECIMENS, pair.test.name), (1, pair.test.name)))
    alone = None if learnt is None else learnt[rule]
    verdict = Verdict(training.name, test.name, rule, there, own, chance_loss(library.area_fraction), "", alone)
    if verdict.factor >= NOTABLE:
        named = sides[0][pair.training.name], sides[1][pair.test.name]
        cause, nearer = cause_of_loss(*named, band_of(library.mean, survey), survey)
        verdict = replace(verdict, reason=verdict.whole_reason(reason_text(cause, nearer, pair.bands)))
    return replace(pair, verdict=verdict)


def as_conditions(given: Given, name: str) -> ImagingConditions:
    """Return whole conditions; faults of a mapping are reported with its name."""
    if isinstance(given, ImagingConditions):
        return given
    if not isinstance(given, Mapping):
        raise InputError(
            f"{name}: given {type(given).__name__}; give ImagingConditions, or a mapping of their keys such as "
            '{"defocus_nm": 10, "dose_e_per_A2": 400}'
        )
    try:
        return ImagingConditions.model_validate(dict(given))
    except ValueError as error:
        raise InputError(_faults_text(given, name) or f"{name}: {error}") from error


def _faults_text(given: Mapping[str, Any], name: str) -> str:
    """Return the faults of a mapping in the words for a file; nothing if no file could hold it."""
    try:
        plain = json.loads(json.dumps(dict(given)))
    except TypeError:
        return ""
    try:
        parse_configuration(write_document(plain), ImagingConditions, name)
    except ConfigurationError as error:
        return str(error)
    return ""


def survey_for(every: Sequence[ImagingConditions], library: ObjectLibrary, bench: Bench) -> tuple[Survey, list[str]]:
    """Return the survey by which all conditions are compared, and remarks on its band that a person should know.

    The band ends at the widest aperture of all, or at the end of the library or of the pixels if that comes before.

    Raises
    ------
    InputError
        If the size of a pixel is needed and not given, or the band is empty.
    """
    nyquist = 0.5 / _pixel(every, bench)
    ends = {
        "the widest aperture": max(one.widest_semiangle for one in every) / wavelength(bench.energy),
        "the object library": float(library.q[-1]),
        "the pixels' Nyquist frequency": nyquist / bench.imaging.camera.binning,
    }
    end = min(ends.values())
    first = next(name for name, value in ends.items() if value == end)
    if end < library.q[0]:
        raise InputError(
            f"the band ends at {end:.3g} 1/A with {first}, before the first ring at {library.q[0]:.3g} 1/A: nothing is "
            "left to compare; widen it"
        )
    remarks = [] if first == "the widest aperture" else [f"the band ends at {end:.3g} 1/A with {first}"]
    if bench.sampling is None and bench.imaging.camera.pixel_angstrom is None:
        remarks.append(
            f"pixels of {ASSUMED_PIXEL:g} A are assumed, up to whose Nyquist frequency noise counts; give sampling, "
            "--sampling-angstrom, for others"
        )
    angle = end * wavelength(bench.energy)
    return Survey(Microscope(bench.energy, bench.imaging, nyquist), angle, bench.draws, bench.seed), remarks


def _pixel(every: Sequence[ImagingConditions], bench: Bench) -> float:
    if bench.sampling is not None:
        return bench.sampling
    camera = bench.imaging.camera
    if camera.pixel_angstrom is not None:
        return camera.pixel_angstrom
    needing = [name for name in IN_PIXELS if any(name in one.fields_given() for one in every)]
    needing += [name for name in ("mtf_table", "ntf_table") if getattr(camera, name) is not None]
    if needing:
        raise InputError(
            f"{', '.join(needing)} counts in pixels, whose size is unknown; give sampling, --sampling-angstrom"
        )
    return ASSUMED_PIXEL


def band_of(objects: ObjectSpectra, survey: Survey) -> ObjectSpectra:
    """Cut object spectra at the end of a survey's band."""
    inside = objects.q <= survey.highest * (1 + 1e-9)
    cut = {name: getattr(objects, name)[inside] for name in ("q", "particle", "substrate")}
    return replace(objects, **cut)


_OTHER_SPECIMENS = 2  # the "side" of test conditions with the specimens of the training
Named = tuple[int, str]  # of which side, and under which name
Observed = Mapping[tuple[Named, Named], Mapping["RuleName", "Expected"]]


def _observed(
    sides: Sequence[Mapping[str, ImagingConditions]],
    libraries: tuple[ObjectLibrary, ObjectLibrary],
    survey: Survey,
    rules: Sequence["RuleName"],
) -> Observed:
    """Scores of observers by training, test and rule; names come with their side.

    If specimens differ, some learn from those of the training under the conditions of the tests, too.
    """
    if not rules:
        return {}
    from temshift.information.observers.observer import expected_scores  # scipy.stats takes half a second

    named = {(number, name): one for number, side in enumerate(sides) for name, one in side.items()}
    ours, theirs = libraries
    others = {} if ours is theirs else {(1, name): theirs for name in sides[1]}
    more = {} if ours is theirs else {(_OTHER_SPECIMENS, name): one for name, one in sides[1].items()}
    try:
        return expected_scores({**named, **more}, named, ours, survey, rules, others)
    except ValueError as error:
        raise InputError(f"no observer: {error}; compare without observers, or widen the band") from error


def _seen(observed: Observed, side: int, name: str, other: str) -> dict["RuleName", tuple["Expected", "Expected"]]:
    """Scores of the observers that learn on one side: under its own conditions, and under those of the other."""
    if not observed:
        return {}
    own, there = (observed[(side, name), key] for key in ((side, name), (1 - side, other)))
    return {rule: (own[rule], there[rule]) for rule in own}


def noise_remarks(named: Mapping[str, ImagingConditions], library: ObjectLibrary, survey: Survey) -> list[str]:
    """Return remarks on conditions whose images are all but noise.

    Parameters
    ----------
    named : mapping of str to ImagingConditions
        Conditions by name.
    library : ObjectLibrary
        Particles and films that are imaged.
    survey : Survey
        Of :func:`survey_for`.

    Returns
    -------
    list of str
        A sentence for each.
    """
    spectra = band_of(library.mean, survey)
    return [line for name, one in named.items() for line in _silent(name, information_of(survey, one, spectra))]


def _silent(name: str, transferred: Information) -> list[str]:
    """Say that images are noise, if they are."""
    epsilon = transferred.epsilon
    if epsilon >= LEAST_BITS:
        return []
    return [f"{name} transfers all but nothing (epsilon = {epsilon:.2g} bits): its images are noise"]
