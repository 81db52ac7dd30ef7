"""One self-contained page from the tables and pictures of a study."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from temshift.report.data.matrix import Matrix, build_matrix
from temshift.report.data.study_tables import StudyTables, load_study
from temshift.report.page import micrographs, own_network, sections
from temshift.report.page.gallery_page import page_galleries, room_beside
from temshift.report.page.markup import embedded_json, filled
from temshift.report.page.payload import page_data
from temshift.report.page.scripts import page_script
from temshift.report.page.verdict import prediction_words, verdict
from temshift.report.still.exports import write_exports
from temshift.storage import write_text

REPORT_NAME = "report.html"
_PLOTLY = "vendor/plotly-cartesian.min.js"


def write_report(folder: Path | str, remark: Callable[[str], None] = lambda _: None) -> Path:
    """Write the report of a finished study: one HTML file that needs neither a server nor the net.

    Beside it go ``figures``, every figure as PNG and SVG, and ``tables``, every table as CSV.

    Parameters
    ----------
    folder : path
        The study folder that ``temshift run`` made.
    remark : callable
        See `load_study`.

    Returns
    -------
    Path
        The page, ``report.html`` in that folder; it appears whole or not at all.

    Raises
    ------
    TemshiftError
        If the folder or one of its tables or pictures is missing or damaged, or the page can't be written.
    """
    page, study = Path(folder) / REPORT_NAME, load_study(Path(folder), remark)
    matrix = build_matrix(study.results, study.metrics, study.manifest.trainings)
    write_text(page, _html(study, matrix))
    write_exports(Path(folder), study, matrix)
    return page


def report_html(study: StudyTables) -> str:
    """Assemble the page.

    Parameters
    ----------
    study : StudyTables

    Returns
    -------
    str
        A whole HTML document; every text of the study in it is escaped.
    """
    return _html(study, build_matrix(study.results, study.metrics, study.manifest.trainings))


def _html(study: StudyTables, matrix: Matrix) -> str:
    parts = {**_assets(), **sections.menus(study, matrix), **_drawn(study, matrix), **_facts(study)}
    parts |= _of_one(study, matrix) if study.manifest.kind == "own network" else _of_study(study, matrix)
    parts["data"] = embedded_json(page_data(study, matrix))
    room = room_beside(parts[name] for name in ("pictures", "contact_sheet", "predictions"))
    parts["picture_data"] = embedded_json(page_galleries(study.galleries, room))
    return filled("page.html", **parts)


def _asset(name: str) -> Markup:
    return Markup(files("temshift.report").joinpath("assets", name).read_text(encoding="utf-8"))


def _assets() -> dict[str, str]:
    style = Markup("").join(map(_asset, ("page.css", "pictures.css")))
    return {"style": style, "script": Markup(page_script()), "plotly": _asset(_PLOTLY)}


def _drawn(study: StudyTables, matrix: Matrix) -> dict[str, str]:
    return {
        "pictures": micrographs.picture_definitions(study.examples),
        "contact_sheet": micrographs.contact_sheet(study.examples),
        "predictions": micrographs.prediction_sheets(study.examples),
        "bar_length": micrographs.bar_length(study.examples),
        "matrix_picture": sections.matrix_picture(matrix),
        "matrix_table": sections.matrix_table(matrix),
        "learning": sections.learning_section(study, matrix),
        "trainings": sections.trainings_table(matrix),
    }


def _facts(study: StudyTables) -> dict[str, str]:
    return {
        "name": study.name,
        "configuration": study.configuration,
        "run_facts": sections.run_facts(study.manifest),
        "database": sections.database_table(study.manifest),
        "stages": sections.stages_table(study.manifest),
        "versions": sections.versions_table(study.manifest),
        "models": sections.models_table(study.prediction),
        "formula": sections.formula(study.prediction),
    }


def _of_study(study: StudyTables, matrix: Matrix) -> dict[str, str]:
    return {
        "kind": "study",
        "title": "How far can these networks be trusted?",
        "subtitle": f"Study “{study.name}”",
        "configuration_name": "study.yaml",
        "verdict": " ".join(verdict(matrix, study.prediction)),
        "limits": sections.limits((*_own_limits(study), *sections.FIXED_LIMITS)),
    }


def _own_limits(study: StudyTables) -> list[str]:
    """Limits of this study, which come before those of all studies."""
    return [*study.prediction.caveats, *sections.remarks_on_waves(study.manifest)]


def _of_one(study: StudyTables, matrix: Matrix) -> dict[str, str]:
    words = [*own_network.verdict_of_one(matrix), prediction_words(study.prediction)]
    limits = (*_own_limits(study), *own_network.LIMITS, *sections.LIMITS_OF_ALL)
    return {
        "kind": "own" if matrix.trainings[0].told else "own untold",
        "title": "How far can this network be trusted?",
        "subtitle": f"“{study.name}”",
        "configuration_name": "conditions.yaml",
        "verdict": " ".join(filter(None, words)),
        "limits": sections.limits(limits),
    }
