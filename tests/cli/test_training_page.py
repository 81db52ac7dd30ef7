"""docs/training.md tells every key of networks and their training, and what it shows works as written."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from temshift.configuration.model import Configuration, parse_configuration
from temshift.configuration.yaml_document import read_document
from temshift.networks import (
    CompactUNetSettings,
    InitialWeights,
    NetworkSettings,
    ResNetUNetSettings,
    TrainingSettings,
    require_shape,
    with_code,
)
from temshift.networks.architectures.monai import CLASSES, MonaiUNetSettings
from temshift.studies import Study

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "training.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Every key")[1].split("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line[:3] == "| `"]
TOLD = {row[0]: (row[1], row[2]) for row in ROWS}
BESIDE = {  # keys of a study beside sections; of sweep no schema tells what is allowed
    "seeds": Study,
    "cohort": Study,
}


class Holder(Configuration):
    network: NetworkSettings


def blocks(language: str) -> list[str]:
    every = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [block for kind, block in every if kind == language]


def allowed(schema: Mapping[str, Any]) -> str:
    """What a schema allows, as the page writes it."""
    schema = next((one for one in schema.get("anyOf", []) if one.get("type") != "null"), schema)
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "items" in schema:
        return f"{allowed(schema['items'])} each, {schema['minItems']} to {schema['maxItems']} of them"
    if "exclusiveMinimum" in schema:
        return f"above {schema['exclusiveMinimum']:g}, to {schema['maximum']:g}"
    if "exclusiveMaximum" in schema:
        return f"{schema['minimum']:g} to below {schema['exclusiveMaximum']:g}"
    step = f", in steps of {schema['multipleOf']}" if "multipleOf" in schema else ""
    return f"{schema['minimum']} to {schema['maximum']}{step}".replace(".0", "")


def default(value: Any) -> str:
    """A default, as the page writes it."""
    if isinstance(value, str):
        return f"`{value}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return "none" if value is None else f"{value:g}"


def keys() -> dict[str, tuple[str, str]]:
    """Every key with its default and what is allowed, from the models."""
    compact, resnet = (kind.model_json_schema()["properties"] for kind in (CompactUNetSettings, ResNetUNetSettings))
    training = TrainingSettings.model_json_schema()["properties"]
    study = Study.model_json_schema()["properties"]
    shapes = CompactUNetSettings(), ResNetUNetSettings()
    settings = {
        "`network.kind`": ("`compact`", "`compact`, `resnet18`, `monai`, `factory`"),
        "`network.normalisation`": (default(shapes[0].normalisation), allowed(compact["normalisation"])),
        "`network.widths`": (default(shapes[0].widths), allowed(compact["widths"])),
        "`network.stem` (compact)": (default(shapes[0].stem), allowed(compact["stem"])),
        "`network.width`": (default(shapes[1].width), allowed(resnet["width"])),
        "`network.stem` (resnet18)": (default(shapes[1].stem), allowed(resnet["stem"])),
    }
    usual = TrainingSettings()
    settings |= {
        f"`training.{key}`": (default(getattr(usual, key)), allowed(training[key]))
        for key in training
        if key != "initial"
    }
    freeze = InitialWeights.model_json_schema()["properties"]["freeze"]
    settings |= {"`training.initial.freeze`": (default(InitialWeights(weights="x").freeze), allowed(freeze))}
    return settings | {f"`{key}`": (default(study[key]["default"]), allowed(study[key])) for key in BESIDE}


def test_the_tables_tell_every_key_with_default_and_bounds() -> None:
    in_words = {"`training.initial.weights`", "`training.initial.sha256`", "`sweep`", "`training.momentum`"}
    assert {key: told for key, told in TOLD.items() if key not in in_words} == {
        key: value for key, value in keys().items() if key not in in_words
    }
    assert in_words <= set(TOLD)
    assert set(InitialWeights.model_fields) == {"weights", "sha256", "freeze"}
    shapes = {*CompactUNetSettings.model_fields, *ResNetUNetSettings.model_fields}
    assert shapes == {key.split("`")[1].removeprefix("network.") for key in TOLD if key.startswith("`network.")}
    assert TrainingSettings(optimiser="adam").weight_decay == 0


def test_the_settings_on_the_page_are_those_of_the_examples() -> None:
    _, published, quick, initial, *_ = (read_document(block).data for block in blocks("yaml"))
    for settings, example in ((published, "defocus_study.yaml"), (quick, "quick_study.yaml")):
        whole = read_document((ROOT / "examples" / example).read_text(encoding="utf-8")).data
        assert {key: whole[key] for key in settings} == settings
    assert initial["training"].keys() <= set(TrainingSettings.model_fields)
    whole = read_document((ROOT / "examples" / "defocus_study.yaml").read_text(encoding="utf-8")).data
    trainings = len(whole["conditions"]["training"][0]["values"])
    rates = len(whole["sweep"]["training.learning_rate"])
    assert f"({trainings * rates * whole['seeds']} networks)" in PAGE


def test_other_architectures_are_as_the_page_says(tiny: Study, tmp_path: Path) -> None:
    (*_, small), (*_, of_monai, of_code) = blocks("python"), blocks("yaml")
    plain = tiny.model_dump(mode="json", exclude_none=True)
    monai = parse_configuration(json.dumps(plain | read_document(of_monai).data), Study, "page")
    assert monai.network == MonaiUNetSettings()
    factory = parse_configuration(json.dumps(plain | read_document(of_code).data), Study, "page").network
    (tmp_path / "my_networks.py").write_text(small, encoding="utf-8")
    require_shape(with_code(factory, tmp_path), (64, 64))
    rows = re.findall(r"^\| `(\w+)` \| (`.*) \|$", PAGE.split("### MONAI")[1], flags=re.MULTILINE)
    assert {name for name, _ in rows} == set(CLASSES)
    for name, keys in rows:
        written = {key: value for key, value in re.findall(r"`(\w+)(?:: ([^`]*))?`", keys) if key != "b4"}
        settings = parse_configuration(f"network: {{kind: monai, architecture: {name}}}", Holder, "page").network
        values = settings.model_dump(mode="json", exclude={"kind", "architecture"})
        assert written.keys() == values.keys()
        assert all(read_document(f"x: {value}").data["x"] == values[key] for key, value in written.items() if value)


def test_links_lead_somewhere() -> None:
    for page in (DOCS / "training.md", DOCS / "clusters" / "README.md", DOCS / "own-networks.md"):
        links = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
        local = [link.partition("#") for link in links if not link.startswith("http")]
        assert local
        for file, _, heading in local:
            target = page.parent / file
            assert target.exists(), f"{page.name}: {file}"
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert not heading or heading in {
                re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in titles
            }


@pytest.mark.slow
def test_the_commands_and_the_code_run_as_written(
    temshift: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In order, in one folder; then a network that starts from one of the study."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (start, _), (_, _, _, initial, *_) = blocks("python"), blocks("yaml")
    first, last = blocks("")
    for line in first.splitlines():
        done = temshift(*shlex.split(line, comments=True)[1:])
        assert done.returncode == 0, (line, done.stderr)
    table = pl.read_csv("results.csv", infer_schema_length=None)
    exec(start, {})
    assert 0 <= float(capsys.readouterr().out) <= 1
    for line in last.splitlines():
        done = temshift(*shlex.split(line, comments=True)[1:])
        assert done.returncode == 0, (line, done.stderr)
    assert f"{len(table) + len(pl.read_parquet('scores/results.parquet'))} rows of 5 networks" in done.stdout
    text = (ROOT / "examples" / "network.yaml").read_text(encoding="utf-8").split("training:")[0]
    (tmp_path / "next.yaml").write_text(text + initial.replace("ID", table["network_id"][0]), encoding="utf-8")
    done = temshift("train", "next.yaml", "--output", "next")
    assert done.returncode == 0, done.stderr
