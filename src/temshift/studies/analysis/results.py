"""Results of studies as one table: a row a network x test condition, with everything that was set in columns."""

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from temshift.conditions import ImagingConditions, summary
from temshift.conditions.summary import centers
from temshift.core import DamagedError, InputError, TemshiftError, content_hash
from temshift.networks import CARD
from temshift.scoring.stability import with_stability
from temshift.storage import read_facts, read_table
from temshift.studies.analysis.generalization import with_generalization
from temshift.studies.analysis.part_tables import is_part, read_tables, require_one_study, settled, with_vague
from temshift.studies.analysis.tested_conditions import known_tests, source_of_test
from temshift.studies.folder import StudyFolder, Warn, require_study
from temshift.studies.planning.plan import Plan
from temshift.studies.selection import stored_plan
from temshift.vocabulary.columns import CONDITION_COLUMNS, LATER_SCORES, RESULTS, SCORES, with_later_columns

CONDITIONS_FILE = "conditions.yaml"  # marks a folder of temshift score

_SETTINGS = ("network", "training", "imaging")
_FILES_AT_A_TIME = 500
_NETWORKS = {
    "network_id": pl.String,
    "training_name": pl.String,
    "seed": pl.Int64,
    "training_cross_entropy": pl.Float64,
    "own_conditions_id": pl.String,
    "own_source_id": pl.String,
    "training_specimens": pl.String,
    "settings_id": pl.String,
}
_TRAINED = {
    "own_conditions_id": pl.String,
    **{f"training_{name}": pl.Float64 for name in CONDITION_COLUMNS},
    "training_defocus_sd_nm": pl.Float64,
}
_REMEDY = "temshift run makes it again"
_PAIR = ("network_id", "test_id", "training_name", "test_name")


class _Part(NamedTuple):
    """The rows of a folder, a key that rows of one study share, and the pairs that the study asks for.

    ``alone`` says whether it is a part of a study, which joins others of the same study alone.
    """

    common: str
    rows: pl.DataFrame
    pairs: pl.DataFrame
    alone: bool = False


def read_results(*folders: Path | str, remark: Warn | None = None) -> pl.DataFrame:
    """Read the results of studies: all scores that their folders hold, finished or not.

    Parameters
    ----------
    *folders : path
        One or more study folders, such as parts of one study from several machines; scores in several are listed once.
        Folders of ``temshift score`` may be among them.
    remark : callable, optional
        Called with a sentence on each thing that is missing although nothing is damaged, such as scores that a study
        asks for and does not have yet. If it is not given, each is a `UserWarning`.

    Returns
    -------
    polars.DataFrame
        Columns of :data:`temshift.vocabulary.columns.RESULTS`, then one for each setting of network, training and
        imaging, and for each other setting that is swept
        (such as ``training.learning_rate``; lists as JSON), null if a network has no such setting. Rows are in the
        order of the study, also if several folders hold parts of one. Those whose ``in_study`` is false, at the end,
        belong to settings that the study had before.

    Raises
    ------
    InputError
        If a folder is no study folder, or holds no scores yet.
    DamagedError
        If a file is damaged, or a network's card is missing that scores are of.

    Examples
    --------
    >>> read_results("no/such/folder")
    Traceback (most recent call last):
    temshift.core.errors.InputError: no/such/folder holds no study.yaml; name a folder that temshift run has filled
    """
    if not folders:
        raise InputError("no folder is named; name one or more study folders")
    remarks: list[str] = []
    results = _read_results([Path(folder) for folder in folders], remark or remarks.append)
    for sentence in remarks:
        warnings.warn(sentence, UserWarning, stacklevel=2)
    return results


def _read_results(folders: list[Path], remark: Warn) -> pl.DataFrame:
    parts = [_folder_results(folder, remark) for folder in folders]
    if any(part.alone for part in parts):
        require_one_study([(str(folder), part.common) for folder, part in zip(folders, parts, strict=True)])
    merged = _merged([(part.common, part.rows) for part in parts])
    every = merged.unique(["score_id", "training_name", "test_name"], keep="first", maintain_order=True)
    if every.is_empty():
        raise InputError(f"{', '.join(map(str, folders))}: no scores yet; see temshift status")
    lacking = lacking_words(pl.concat([part.pairs for part in parts]), every)
    if lacking is not None:
        remark(f"{lacking}; temshift runs FOLDER lists them; if no run is at work, temshift run goes on with them")
    return every


def lacking_words(pairs: pl.DataFrame, results: pl.DataFrame) -> str | None:
    """Return how many pairs of a network and a test condition have no scores, in words; None if all have.

    Parameters
    ----------
    pairs : polars.DataFrame
        ``network_id`` and ``test_id`` of the pairs that are asked for.
    results : polars.DataFrame
        See `read_results`.
    """
    ids = ["network_id", "test_id"]
    asked = pairs.select(ids).unique()
    lacking = asked.join(results.select(ids), on=ids, how="anti")
    if lacking.is_empty():
        return None
    networks, every = lacking["network_id"].n_unique(), asked["network_id"].n_unique()
    return f"{len(lacking)} of {len(asked)} scores are missing, those of {networks} of {every} networks"


def gather(folder: StudyFolder, plan: Plan, warn: Warn | None = None) -> pl.DataFrame:
    """Join all scores of a folder with the networks and the test conditions that they belong to; see `read_results`.

    ``warn`` is called for tables that are damaged, which are left out; without it they are an error.
    """
    return placed_results(folder, plan, warn).drop("place")


def placed_results(folder: StudyFolder, plan: Plan, warn: Warn | None = None) -> pl.DataFrame:
    """Return the rows of `gather` with the ``place`` of each in the order of the study, null if it does not ask."""
    return _placed(folder, plan, warn, warn or (lambda _: None))


def _placed(folder: StudyFolder, plan: Plan, warn: Warn | None, remark: Warn) -> pl.DataFrame:
    """The results of a folder with their places in the order of the study, null if it does not ask for them."""
    scores = _scores(folder, warn)
    networks = _networks(folder, plan, scores["network_id"].unique().to_list(), warn)
    tests = known_tests(folder, plan, warn)
    for words in _left_out(folder, scores, tests):
        remark(words)
    rows = scores.join(networks, on="network_id").join(tests, on="test_id")
    listed = with_generalization(rows).filter("listed")
    rows = _in_order(with_stability(listed, "network_id", "training_name", "source_id"), plan)
    rows = rows.with_columns(pl.col("place").is_not_null().alias("in_study"))
    settings = sorted(name for name in rows.columns if "." in name)
    return rows.select(*(pl.col(name).cast(kind) for name, kind in RESULTS.items()), *settings, "place")


def _left_out(folder: StudyFolder, scores: pl.DataFrame, tests: pl.DataFrame) -> Iterator[str]:
    """Say which scores are left out since nothing describes their test conditions, or says that those were listed."""
    table = folder.table("tests")
    unknown = scores.join(tests, on="test_id", how="anti")
    if len(unknown):
        words = f"left out: {len(unknown)} scores under {unknown['test_id'].n_unique()} test conditions that neither"
        yield f"{words} the study of {folder.root} has now nor its {table.name} describes"
    unlisted = scores.join(tests.filter("listed"), on="test_id", how="anti").join(tests, on="test_id", how="semi")
    if len(unlisted) and not table.exists():
        words = f"left out: {len(unlisted)} scores under {unlisted['test_id'].n_unique()} conditions of trainings"
        yield f"{words}, which may have been test conditions once: {table}, which says so, is missing"


def _in_order(rows: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Rows with their places, in order; a pair that is asked for under some names is not listed under others."""
    pairs, ids = asked_pairs(plan), ["network_id", "test_id"]
    asked = rows.join(pairs, on=list(_PAIR), how="inner")
    rest = rows.join(pairs, on=ids, how="anti").with_columns(pl.lit(None, pairs["place"].dtype).alias("place"))
    former = rest.sort("training_name", "seed", "network_id", maintain_order=True)
    return pl.concat([asked.sort("place"), former])


def _folder_results(root: Path, remark: Warn) -> _Part:
    if (root / CONDITIONS_FILE).exists() and not StudyFolder(root).study_file.exists():
        rows = with_later_columns(read_table(StudyFolder(root).table("results"))).with_row_index("place")
        return _Part(str(root), rows, pl.DataFrame(schema={"network_id": pl.String, "test_id": pl.String}))
    if is_part(root):
        tables = read_tables(root)
        return _Part(tables.study, tables.results, tables.results.select("network_id", "test_id"), alone=True)
    folder = require_study(root)
    plan = stored_plan(folder, remark)
    pairs = asked_pairs(plan).select("network_id", "test_id")
    rows = _placed(folder, plan, None, remark)
    return _Part(content_hash(plan.study.resolved()), rows, pairs, alone=plan.chosen is not None)


def _merged(parts: list[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    """Rows of several folders: first those that studies ask for, in the order of the folders."""
    order = list(dict.fromkeys(common for common, _ in parts))
    frames = [with_vague(rows).with_columns(pl.lit(order.index(common)).alias("part")) for common, rows in parts]
    merged = pl.concat(frames, how="diagonal_relaxed").sort(
        ["in_study", "part", "place"], descending=[True, False, False], nulls_last=True, maintain_order=True
    )
    return settled(merged.drop("part", "place"))


def _score_records(folder: StudyFolder) -> Iterator[Path]:
    return (folder.root / "scores").glob("*/*.json")


def _scores(folder: StudyFolder, warn: Warn | None) -> pl.DataFrame:
    """All scores that have a record, each once: a table of a killed run that has none is made again."""
    records = sorted(_score_records(folder))
    parts = [pl.DataFrame(schema=SCORES)]
    for start in range(0, len(records), _FILES_AT_A_TIME):
        some = [_score_table(path.with_suffix(".parquet"), warn) for path in records[start : start + _FILES_AT_A_TIME]]
        parts.append(pl.concat([pl.DataFrame(schema=SCORES), *(one for one in some if one is not None)], rechunk=True))
    return pl.concat(parts, rechunk=True).unique("score_id", keep="first", maintain_order=True)


def _score_table(path: Path, warn: Warn | None) -> pl.DataFrame | None:
    try:
        if not path.exists():
            raise DamagedError(f"{path} is missing, which {path.with_suffix('.json')} vouches for; {_REMEDY}")
        table = read_table(path)
        lacking = [name for name in LATER_SCORES if name in SCORES and name not in table.columns]
        return table.with_columns(pl.lit(None, SCORES[name]).alias(name) for name in lacking).select(list(SCORES))
    except TemshiftError as error:
        if warn is None:
            raise
        warn(f"left out: {error}")
        return None


def asked_pairs(plan: Plan) -> pl.DataFrame:
    """Return the pairs of a network and a test condition that a study asks for, with names and places in its order."""
    pairs = [
        pl.DataFrame([(run.id, run.name) for run in part.networks], schema=_PAIR[::2], orient="row").join(
            pl.DataFrame([(test.id, test.name) for test in part.tests], schema=_PAIR[1::2], orient="row"), how="cross"
        )
        for part in plan.parts
    ]
    every = pl.concat(pairs).unique(maintain_order=True).with_row_index("place")
    return every if plan.chosen is None else every.filter(pl.col("network_id").is_in([run.id for run in plan.networks]))


def _networks(folder: StudyFolder, plan: Plan, ids: Iterable[str], warn: Warn | None) -> pl.DataFrame:
    """One row a network and a name that the study has for it."""
    names: dict[str, dict[str, tuple[Mapping[str, Any], str | None, str | None]]] = {}  # by id and name
    for part in plan.parts:
        for run in part.networks:
            own = source_of_test(part.own_tests[run.name])
            names.setdefault(run.id, {})[run.name] = (part.settings, own, part.specimens or None)
    rows: list[tuple[Any, ...]] = []
    settings: dict[str, dict[str, Any]] = {}
    conditions: dict[str, Any] = {}
    for id_, card in _cards(folder, sorted(ids), warn):
        sections, own = {name: card[name] for name in _SETTINGS}, content_hash(card["conditions"])
        conditions.setdefault(own, card["conditions"])
        loss = card["scores"]["training"]["cross_entropy"]
        former = {card["training_name"]: (card.get("settings", {}), None, None)}
        for name, (swept, *specimens) in names.get(id_, former).items():
            every = {**sections, **_apart(swept)}
            settings_id = content_hash(every)
            settings.setdefault(settings_id, every)
            rows.append((id_, name, card["seed"], loss, own, *specimens, settings_id))
    networks = pl.DataFrame(rows, schema=_NETWORKS, orient="row")
    trained = [{"own_conditions_id": id_, **_trained_on(one)} for id_, one in conditions.items()]
    return networks.join(pl.DataFrame(trained, schema=_TRAINED), on="own_conditions_id", maintain_order="left").join(
        _settings_frame(settings), on="settings_id", maintain_order="left"
    )


def _apart(swept: Mapping[str, Any]) -> dict[str, Any]:
    """Swept settings by dotted key that cards have in no section, such as the crystal."""
    return {key: value for key, value in swept.items() if key.split(".")[0] not in _SETTINGS}


def _cards(folder: StudyFolder, ids: Iterable[str], warn: Warn | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Cards of networks; one that was removed or damaged is left out if there is ``warn``, or else an error."""
    for id_ in ids:
        card = folder.network(id_) / CARD
        try:
            if not card.exists():
                raise DamagedError(f"{card} is missing, but there are scores of its network; {_REMEDY}")
            yield id_, read_facts(card)
        except TemshiftError as error:
            if warn is None:
                raise
            warn(f"left out: {error}")


def _trained_on(conditions: Any) -> dict[str, float | None]:
    whole = ImagingConditions.model_validate_json(json.dumps(conditions), strict=True)
    return {**centers("training", whole), "training_defocus_sd_nm": summary(whole)["defocus_nm"].sd}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of everything in a tree of mappings; lists as JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    else:
        yield path, json.dumps(value) if isinstance(value, list) else value


def _settings_frame(settings: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """One row a combination of settings, a column a setting; a column of several kinds is text."""
    rows = [{"settings_id": id_, **dict(_leaves(sections, ""))} for id_, sections in settings.items()]
    keys = dict.fromkeys(["settings_id", *(key for row in rows for key in row)])
    return pl.DataFrame({key: _column(key, [row.get(key) for row in rows]) for key in keys})


def _column(key: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        values = [None if value is None else str(value) for value in values]
    return pl.Series(values, dtype=RESULTS.get(key, None if kinds else pl.String), strict=False)
