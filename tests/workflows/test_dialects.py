"""One set of conditions written in every dialect, read for every verb: all of them see the same distributions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from temshift.cli.app import app
from temshift.conditions.imaging import ImagingConditions
from temshift.configuration.model import parse_configuration
from temshift.configuration.yaml_document import read_document, write_document
from temshift.core.errors import InputError
from temshift.image_sets.image_set import ImageSet
from temshift.scoring.scoring_conditions import ScoringConditions, scoring_conditions
from temshift.workflows.condition_files import load_scoring, open_conditions, read_conditions
from temshift.workflows.input_files import KINDS, load_any
from temshift.workflows.transfer_curves import load_transfer_set

EXAMPLES = Path(__file__).parents[2] / "examples"
DEFAULT: dict[str, Any] = {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12}
ITEM: dict[str, Any] = {
    "name": "lens",
    "defocus_nm": {"normal": {"mean": -10, "sd": 1.5}},
    "C30_mm": {"uniform": {"minimum": -0.01, "maximum": 0.01}},
    "correlations": [{"between": ["defocus_nm", "C30_mm"], "coefficient": 0.6}],
    "measured": {"columns": {"C12_nm": [1, 2], "phi12_deg": [20, 75]}},
}
OTHER = {"name": "elsewhere", "defocus_nm": 40}
LENS = ImagingConditions.model_validate(DEFAULT | {key: value for key, value in ITEM.items() if key != "name"})


def study() -> dict[str, Any]:
    plain: dict[str, Any] = dict(read_document((EXAMPLES / "tiny.yaml").read_text()).data)
    plain["conditions"] = {"default": DEFAULT, "training": [OTHER], "test": [ITEM]}
    return {key: value for key, value in plain.items() if key != "examples"} | {"seed": 7}


DIALECTS: dict[str, Any] = {
    "image set": {"seed": 7, "default": DEFAULT, "conditions": [ITEM]},
    "conditions to score under": {"seed": 7, "default": DEFAULT, "test": [ITEM]},
    "with training": {"seed": 7, "default": DEFAULT, "training": [OTHER], "test": [ITEM]},
    "study": study(),
    "one distribution": DEFAULT | {key: value for key, value in ITEM.items() if key != "name"},
}


@pytest.fixture(params=DIALECTS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "lens.yaml"  # one distribution is named after its file
    path.write_text(write_document(DIALECTS[request.param]), encoding="utf-8")
    return path


def drawn(path: Path) -> dict[str, ImagingConditions]:
    """Conditions that ctf draws; those of training too."""
    energy = None if "exit_waves" in path.read_text() else 300
    return {name: value for name, value in load_transfer_set(path, energy_kev=energy).named if name != "elsewhere"}


READERS: dict[str, Callable[[Path], dict[str, ImagingConditions]]] = {
    "images": lambda path: dict(open_conditions(path).image_set().resolved()),
    "score and predict": lambda path: load_scoring(path).tests,
    "compare and design": lambda path: read_conditions(path, "test").named,
    "ctf": drawn,
}


@pytest.mark.parametrize("verb", READERS)
def test_every_verb_reads_every_dialect(file: Path, verb: str) -> None:
    assert READERS[verb](file) == {"lens": LENS}


def test_seeds_and_training_are_kept_if_the_file_has_them(tmp_path: Path) -> None:
    for name, content in DIALECTS.items():
        (tmp_path / "lens.yaml").write_text(write_document(content), encoding="utf-8")
        opened = open_conditions(tmp_path / "lens.yaml")
        seed = 0 if name == "one distribution" else 7
        assert opened.image_set().seed == opened.scoring().seed == seed
        assert (opened.scoring().trained_on is not None) == (name == "with training")
        assert list(opened.conditions("training").named) == (
            ["elsewhere"] if name in ("with training", "study") else ["lens"]
        )


def test_a_dialect_of_its_own_is_read_as_before() -> None:
    conditions = EXAMPLES / "own_network.yaml"
    assert load_scoring(conditions) == scoring_conditions(conditions)
    assert load_scoring(conditions).model_fields_set == scoring_conditions(conditions).model_fields_set


def call(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def refusal(*words: object) -> str:
    """The message of a refused command; an InputError ends with exit code 2."""
    done = call(*words)
    assert isinstance(done.exception, InputError), done.output
    return str(done.exception)


def test_images_are_formed_of_every_dialect(file: Path, database: Path, tmp_path: Path) -> None:
    done = call("images", database, file, "--set", "test", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "1 conditions" in done.output
    assert len(list((tmp_path / "out").rglob("lens/*.tif*"))) > 0


def test_curves_are_drawn_of_every_dialect(file: Path, tmp_path: Path) -> None:
    energy = () if "exit_waves" in file.read_text() else ("--energy-kev", 300)
    done = call("ctf", file, *energy, "--condition", "lens", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "lens_curves.png").exists()


def test_every_dialect_is_compared_with_itself(file: Path) -> None:
    done = call("compare", file, file, "--json")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_fault_has_the_line_of_the_file_in_every_dialect(dialect: str, database: Path, tmp_path: Path) -> None:
    """An aperture beyond the band of the waves."""
    wide = write_document(DIALECTS[dialect]).replace("semiangle_cutoff_mrad: 12", "semiangle_cutoff_mrad: 60")
    if dialect == "study":
        pytest.skip("refused when it is read, as its own waves can't serve it")
    (tmp_path / "lens.yaml").write_text(wide, encoding="utf-8")
    message = refusal("images", database, tmp_path / "lens.yaml", "--output", tmp_path / "out")
    key = {"image set": ", conditions.0: ", "one distribution": "line 1"}.get(dialect, ", test.0: ")
    assert key in message and "beyond the band of waves" in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dialect", ["image set", "study"])
def test_another_energy_than_that_of_the_waves_is_refused(dialect: str, database: Path, tmp_path: Path) -> None:
    text = write_document(DIALECTS[dialect])
    text = text.replace("energy_kev: 300", "energy_kev: 200") if dialect == "study" else f"energy_kev: 200\n{text}"
    path = tmp_path / "lens.yaml"
    path.write_text(text, encoding="utf-8")
    opened = open_conditions(path)
    assert opened.image_set().energy_kev == opened.energy_kev == 200
    with pytest.raises(InputError, match=r"energy_kev: given 200 keV, but the waves are of 300 keV; give 300"):
        opened.require_energy(300e3)
    opened.require_energy(200e3)
    message = refusal("images", database, path, "--output", tmp_path / "out")
    assert "given 200, but its waves were simulated at 300 keV" in message


KIND_WORDS = {
    "conditions.yaml": "is an image set, for temshift images, ctf, compare, design, predict or score",
    "own_network.yaml": "is conditions to score under, for temshift score, images, ctf, compare, design or predict",
    "microscope_a.yaml": "is one distribution of parameters, for temshift compare, images, ctf, design, predict or "
    "score",
    "network.yaml": "is a single network, for temshift train",
    "specimens.yaml": "is a recipe of specimens, for temshift specimens",
}


@pytest.mark.parametrize("name", KIND_WORDS)
def test_check_says_which_kind_a_file_is_and_prints_it_resolved(name: str) -> None:
    done = call("check", EXAMPLES / name)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == f"# {EXAMPLES / name} {KIND_WORDS[name]}"
    kind, content = load_any(EXAMPLES / name)
    again: Any = parse_configuration(done.stdout, kind.model, "printed")
    if isinstance(content, ImageSet):
        assert again.resolved() == content.resolved()
    elif isinstance(content, ScoringConditions):
        assert again.tests == content.tests and again.trained_on == content.trained_on
    else:
        assert again == content


def test_every_kind_is_known_to_check_with_the_verbs_that_take_it() -> None:
    for kind in KINDS:
        assert kind.verb == f"temshift {kind.verbs[0]}"
        assert load_any(EXAMPLES.parent / kind.example)[0].name == kind.name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conditions: [{name: a, defocus_nm: 3}]\nseed: 1\n", "dose_e_per_A2 missing"),
        ("defocus_nm: 5\ndose_e_per_A2: -3\n", "dose_e_per_A2: given -3; must be above 0"),
        ("database: x\nconditions: {defocus_nm: 3}\n", "conditions: dose_e_per_A2 missing"),
        (
            "foo: 1\nbar: 2\n",
            "has no key of any file that temshift reads; these are a study (examples/quick_study.yaml)",
        ),
        ("", "fault"),
    ],
)
def test_check_refuses_faulty_files_of_every_kind(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(text, encoding="utf-8")
    assert message in refusal("check", tmp_path / "file.yaml")


def test_check_remarks_on_doubtful_units(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("{defocus_nm: 5, dose_e_per_A2: 30, C30_mm: 2.7e-7}\n", encoding="utf-8")
    done = call("check", tmp_path / "file.yaml")
    assert done.exit_code == 0 and "'file': C30_mm = 2.7e-07" in done.output


def test_check_says_that_no_images_can_be_formed(tmp_path: Path) -> None:
    text = "seed: 1\nconditions: [{name: far, defocus_nm: 9, dose_e_per_A2: 30, focal_spread_sigma_nm: 4}]\n"
    (tmp_path / "file.yaml").write_text(text, encoding="utf-8")
    done = call("check", tmp_path / "file.yaml")
    assert done.exit_code == 0 and "images of 0.2 A pixels can't be formed so: 'far': the focal spread" in done.output
    (tmp_path / "file.yaml").write_text(text.replace("30,", "30, semiangle_cutoff_mrad: 20,"), encoding="utf-8")
    assert "can't be formed" not in call("check", tmp_path / "file.yaml").output
