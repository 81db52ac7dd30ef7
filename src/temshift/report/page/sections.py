"""The sections of the page that stand still: words, tables and pictures."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

from temshift.figures.labels import MISSING, brief, fixed, number
from temshift.report.data.matrix import Matrix
from temshift.report.data.study_tables import Manifest, ModelError, Prediction, ScorePrediction, StudyTables
from temshift.report.page.markup import piece
from temshift.report.page.micrographs import MOST_SPECIMENS
from temshift.report.page.verdict import interval_words
from temshift.report.still.figures import learning_curves, learning_figures, matrix_figure, svg_uri

LIMITS_OF_ALL = (
    "Everything here is simulated. Real micrographs have contamination and damage, and whatever of drift, detector "
    "blur and noise this study's conditions leave out; nothing was compared with an experiment.",
    "The specimens are of the kinds that the study names, mostly small particles of one crystal on a film. A change of "
    "crystal, shape, thickness or substrate is another kind of shift, unknown to transfer functions.",
    "In focus the contrast of a thin specimen all but vanishes, and its sign changes with small errors of "
    "defocus. Numbers near zero defocus depend more than others on details such as the plane that defocus "
    "counts from.",
    "Masks follow a definition that was chosen; F1 and IoU depend on it, most for the smallest particles.",
    "sigma and epsilon describe how much linear transfer lets through, averaged over azimuth: astigmatism enters by "
    "that average alone; coma and other odd aberrations, which move detail without weakening it, nonlinear imaging "
    "and detail that binning folds back not at all. Read noise and errors of the pixel size are in both.",
)
NOTHING = Markup("")
_MOST_ROWS = 200  # of still tables and pictures
_MOST_CELLS = 10_000
FIXED_LIMITS = (
    "The networks are compact and trained briefly. Larger networks, other architectures or longer training "
    "may generalise differently.",
    "The cells of the matrix are not independent: a row shares its networks, a column its images. Errors are "
    "therefore given for whole conditions left out; there are only as many independent cases as conditions.",
    *LIMITS_OF_ALL,
)


def run_facts(manifest: Manifest) -> Markup:
    """Return settings, seeds and machine as a list of facts."""
    seconds = sum(stage.seconds for stage in manifest.stages)
    pairs = [
        ("temshift", manifest.temshift),
        ("created", _moment(manifest.created)),
        ("root seed", manifest.seed),
        ("networks", _networks(manifest)),
        ("parameters a network", _parameters(manifest) or MISSING),
        ("device", manifest.device),
        ("workers", manifest.workers),
        ("platform", manifest.platform),
        ("time of all stages", f"{seconds:.0f} s"),
    ]
    return piece("facts", pairs)


def _parameters(manifest: Manifest) -> str:
    return ", ".join(f"{count:,}".replace(",", "\u202f") for count in manifest.parameters)


def _networks(manifest: Manifest) -> str:
    missing = f", {manifest.failed} of which failed and are missing here" if manifest.failed else ""
    return f"{manifest.networks}{missing}"


def _moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return text


def database_table(manifest: Manifest) -> Markup:
    """Return the databases of exit waves side by side, a row a fact."""
    parts = _sets_of(manifest)
    keys = dict.fromkeys(key for part in parts.values() for key in part if key != "remark")
    rows = [(_words(key), *(_value(part.get(key)) for part in parts.values())) for key in keys]
    single = {name: value for name, value in manifest.database.items() if name not in parts}
    rest = piece("facts", [(_words(name), _value(value)) for name, value in single.items()])
    return piece("table", ("fact", *map(_words, parts)), rows, "narrow") + rest


def remarks_on_waves(manifest: Manifest) -> list[str]:
    """Return why images of some specimens are not accurate, a sentence for each set of them."""
    return [f"{name} specimens: {part['remark']}." for name, part in _sets_of(manifest).items() if "remark" in part]


def _sets_of(manifest: Manifest) -> dict[str, Mapping[str, Any]]:
    return {name: value for name, value in manifest.database.items() if isinstance(value, Mapping)}


def _words(key: str) -> str:
    return key.replace("_", " ")


def _value(value: Any) -> str:
    if value is None or isinstance(value, float):
        return brief(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{_words(str(key))} {_value(part)}" for key, part in value.items())
    return ", ".join(map(_value, value)) if isinstance(value, list) else str(value)


def stages_table(manifest: Manifest) -> Markup:
    """Return what each stage made, kept, and how long it took."""
    rows = [(s.name, fixed(s.seconds, 1), s.made, s.reused) for s in manifest.stages]
    return piece("table", ("stage", "seconds", "made", "kept from before"), rows, "numbers")


def trainings_table(matrix: Matrix) -> Markup:
    """Return what varies in every training distribution: centre and standard deviation."""
    rows = [(one.name, one.words) for one in matrix.trainings[:_MOST_ROWS]]
    left = len(matrix.trainings) - len(rows)
    more = piece("paragraph", f"And {left} more, which the matrix shows.") if left else NOTHING
    return piece("table", ("trained on", "what varies"), rows, "narrow") + more


def versions_table(manifest: Manifest) -> Markup:
    """Return the versions of the packages."""
    return piece("table", ("package", "version"), sorted(manifest.versions.items()), "narrow")


def models_table(prediction: Prediction) -> Markup:
    """Return the errors of every prediction beside the baselines, of the loss and of F1."""
    loss = _models(prediction, "ln(cross-entropy)", "typical factor", "errors-of-cross-entropy")
    f1 = NOTHING if prediction.f1 is None else _models(prediction.f1, "logit F1", "", "errors-of-f1")
    return Markup("").join([loss, _interval_words(prediction), _trial_words(prediction), f1])


def _models(prediction: ScorePrediction, target: str, factor: str, file: str) -> Markup:
    if not prediction.models:
        return NOTHING
    sides = "test left out", "training left out", "both left out"
    r2s = [f"R², {side}" for side in sides]
    factors = [f"{factor}, {side}" for side in sides[:2]] if factor else []
    rows = [_model_row(model, factors=bool(factor)) for model in prediction.models]
    return piece("table", (f"prediction of {target}", *r2s, *factors, "what it is"), rows, "models numbers", file)


def _model_row(model: ModelError, *, factors: bool) -> tuple[str, ...]:
    if model.in_sample:
        rest = (_factor(model.rmse_in_sample, " in sample"), MISSING) if factors else ()
        r2 = f"{fixed(model.r2_in_sample)} in sample"
        return (f"{model.name} (in sample)", r2, MISSING, MISSING, *rest, model.description)
    r2s = map(fixed, (model.r2_left_out_test, model.r2_left_out_training, model.r2_left_out_both))
    both = (_factor(model.rmse_left_out_test), _factor(model.rmse_left_out_training)) if factors else ()
    name = f"{model.name} (baseline)" if model.baseline else model.name
    return (name, *r2s, *both, model.description)


def _interval_words(prediction: Prediction) -> Markup:
    """Return how intervals fared on what they had not seen, as a paragraph."""
    words = interval_words(prediction)
    return piece("paragraph", words) if words else NOTHING


def _trial_words(prediction: ScorePrediction) -> Markup:
    """Return what the line was tried with beside the terms it has."""
    if not prediction.trials:
        return NOTHING
    tried = [f"{one.feature} ({'taken' if one.taken else 'not taken'})" for one in prediction.trials]
    rule = (
        "Tried as further terms, each taken only where it lowers the squared error on test conditions left out, and on "
        "trainings left out, by more than one standard error: "
    )
    return piece("paragraph", f"{rule}{', '.join(tried)}.", "small")


def _factor(rmse: float | None, note: str = "") -> str:
    return MISSING if rmse is None else f"× {fixed(math.exp(rmse))}{note}"


def formula(prediction: Prediction) -> Markup:
    """Return the fitted formulas and their coefficients."""
    f1 = NOTHING if prediction.f1 is None else _formula(prediction.f1, "coefficients-of-f1")
    return _formula(prediction, "coefficients-of-cross-entropy") + f1


def _formula(prediction: ScorePrediction, file: str) -> Markup:
    if prediction.formula is None:
        return piece("paragraph", f"{prediction.why_not or 'No line was fitted'}.")
    rows = [(name, brief(value)) for name, value in prediction.coefficients.items()]
    words = piece("paragraph", prediction.formula, "formula")
    return words + piece("table", ("coefficient", "value"), rows, "numbers", file)


def learning_section(study: StudyTables, matrix: Matrix) -> Markup:
    """Return small figures of the learning curves, or a sentence where none were kept."""
    curves = learning_curves(study.results, study.histories)
    if not curves:
        return piece("paragraph", "No learning curves were kept in this study folder.")
    pictures = [(name, svg_uri(figure), _learning_words(name)) for name, figure in learning_figures(matrix, curves)]
    left = len(matrix.trainings) - len({curve.training for curve in curves})
    more = piece("paragraph", f"{left} more training distributions are not drawn.") if left > 0 else NOTHING
    return piece("small_figures", pictures) + more


def _learning_words(name: str) -> str:
    return f"training loss of {name} against the step"


def matrix_picture(matrix: Matrix) -> Markup:
    """Return the matrix as a still picture, for readers without scripts."""
    if len(matrix.trainings) > _MOST_ROWS:
        return piece("paragraph", "The matrix is too large for a still picture.")
    return piece("wide_picture", svg_uri(matrix_figure(matrix)), "matrix of cross-entropies")


def matrix_table(matrix: Matrix) -> Markup:
    """Return every cell of the matrix in figures, a row a test condition."""
    head = ("test condition", *(training.name for training in matrix.trainings))
    if len(matrix.trainings) * len(matrix.tests) > _MOST_CELLS:
        return piece("paragraph", "These are too many to read; the study folder has them in results.parquet.")
    rows = [(test.name, *_cell_texts(matrix, column)) for column, test in enumerate(matrix.tests)]
    return piece("table", head, rows, "numbers dense")


def _cell_texts(matrix: Matrix, column: int) -> list[str]:
    triples = zip(*(matrix.cells[key][:, column] for key in ("cross_entropy", "f1", "iou")), strict=True)
    return [f"{number(loss)} / {fixed(f1)} / {fixed(iou)}" for loss, f1, iou in triples]


def menus(study: StudyTables, matrix: Matrix) -> dict[str, Markup]:
    """Return the menus of the page by the name of their place in the template; scripts fill the empty ones."""
    groups = [axis.title for axis in matrix.groups]
    return {
        "menu_specimen": piece("menu", "specimen", "Specimen", study.examples.specimens[:MOST_SPECIMENS]),
        "menu_transfer_first": piece("menu", "transfer-first", "A:", ()),
        "menu_transfer_second": piece("menu", "transfer-second", "B:", ()),
        "menu_score": piece("menu", "score", "Show", ()),
        "menu_training": piece("menu", "training", "Networks trained on", ()),
        "menu_axis": piece("menu", "axis", "over", groups),
        "menu_against": piece("menu", "against", "Loss against", ()),
        "menu_pairs": piece("menu", "pairs", "Networks trained on", ()),
        "menu_left_out": piece("menu", "left-out", "Predicted with", ()),
    }


def limits(items: Iterable[str]) -> Markup:
    """Return the limits of a page, as a list."""
    return piece("points", items)
