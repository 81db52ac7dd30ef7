"""A study in which every text that a user or another program chose tries to leave its place on the page."""

from dataclasses import replace
from typing import Any

import polars as pl

from temshift.report import StudyTables
from temshift.report.data.galleries import Gallery
from temshift.report.data.study_tables import Examples, Manifest, Prediction

# Ends of every element and attribute that a text may stand in, templates, entities, and ends of lines of JavaScript.
MARK = """</script></style></title></select></svg>--><hostile onclick='alert(1)' title="alert(2)">&amp;&#60;{{ 7 * 7 }}\
{% raw %}${x}\\u003c\u2028\u2029*/`"""
_FIXED = {"kind"}  # fields whose values the page itself chooses


def spoiled(text: str) -> str:
    return f"{text}{MARK}"


def spoiled_study(study: StudyTables) -> StudyTables:
    """The same study with hostile texts; whatever was the same text is the same hostile one."""
    manifest = study.manifest.model_dump()
    named = {name: _keys(manifest[name]) for name in ("versions", "database", "trainings")}
    prediction = _prediction(study.prediction.model_dump())
    return replace(
        study,
        name=spoiled(study.name),
        configuration=spoiled(study.configuration),
        manifest=Manifest.model_validate(_values(manifest | named)),
        results=_columns(study.results, "training_name", "test_name"),
        metrics=_columns(study.metrics, "training_name", "test_name"),
        transfer=_columns(study.transfer, "name"),
        prediction=Prediction.model_validate(_values(prediction)),
        examples=_examples(study.examples),
        galleries=tuple(map(_gallery, study.galleries)),
    )


def _values(value: Any) -> Any:
    if isinstance(value, str):
        return spoiled(value)
    if isinstance(value, dict):
        return {key: part if key in _FIXED else _values(part) for key, part in value.items()}
    return [_values(part) for part in value] if isinstance(value, list | tuple) else value


def _keys(mapping: dict[str, Any]) -> dict[str, Any]:
    return {spoiled(key): value for key, value in mapping.items()}


def _prediction(record: dict[str, Any]) -> dict[str, Any]:
    f1 = record.get("f1")
    return record | {"coefficients": _keys(record["coefficients"]), "f1": _prediction(f1) if f1 else None}


def _columns(table: pl.DataFrame, *names: str) -> pl.DataFrame:
    return table.with_columns(pl.concat_str(pl.col(name), pl.lit(MARK)).alias(name) for name in names)


def _names(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(spoiled, texts))


def _examples(examples: Examples) -> Examples:
    axes = {name: _names(getattr(examples, name)) for name in ("specimens", "conditions", "networks")}
    return replace(examples, **axes)


def _gallery(gallery: Gallery) -> Gallery:
    axes = {name: _names(getattr(gallery, name)) for name in ("specimens", "conditions", "networks")}
    return replace(gallery, label=spoiled("a label"), **axes)
