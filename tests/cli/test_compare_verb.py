"""The verb compare, on files of every kind."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from temshift.cli.app import app
from temshift.core.errors import InputError, TemshiftError

EXAMPLES = Path(__file__).parents[2] / "examples"
TRAIN = "{defocus_nm: -10, dose_e_per_A2: 400, semiangle_cutoff_mrad: 12}\n"
TEST = "{defocus_nm: 4, dose_e_per_A2: 100, semiangle_cutoff_mrad: 12, focal_spread_sigma_nm: 3}\n"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "train.yaml").write_text(TRAIN)
    (tmp_path / "test.yaml").write_text(TEST)
    return [str(tmp_path / "train.yaml"), str(tmp_path / "test.yaml")]


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["compare", *arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    return result


def test_two_files_are_told_in_lines(files: list[str]) -> None:
    lines = call(*files, "--all").stdout.splitlines()
    assert lines[2:4] == ["train -> test", "at 300 keV, up to 0.609 1/A, pixels of 0.4 A"]
    starts = (
        "epsilon of train: ",
        "epsilon of test: ",
        "sigma: 0.",
        "one plane: d = ",
        "overlap: 0.",
        "linear observer",
    )
    assert all(any(line.startswith(start) for line in lines) for start in starts)
    assert any(line.startswith("lost: ") for line in lines)


def test_a_verdict_comes_first_and_sigma_is_behind_all(files: list[str]) -> None:
    shown, whole = call(*files).stdout, call(*files, "--all").stdout
    pattern = r"networks trained on train lose a factor of \d\.\d on test: blind in focus"
    assert re.match(pattern, shown) and re.match(pattern, whole)
    assert "predicted by the linear observer, not measured with networks" in shown.splitlines()[1]
    assert "sigma: " not in shown and "epsilon of" not in shown and "sigma: 0." in whole
    assert shown.splitlines()[-1] == "--all prints sigma, epsilon and all other numbers"
    assert "--all prints" not in whole


def test_equal_files_are_about_as_good(files: list[str]) -> None:
    shown = call(files[0], files[0]).stdout
    assert shown.startswith(
        "networks trained on train (training) are about as good on train (test) as networks trained there\n"
    )


def test_the_observer_of_the_verdict_is_named(files: list[str]) -> None:
    shown = call(*files, "--rule", "ideal").stdout
    assert "predicted by the ideal observer, not measured with networks" in shown


def test_of_several_pairs_the_worst_is_named_first(files: list[str]) -> None:
    several = str(EXAMPLES / "targets.yaml")
    shown = call(files[0], several).stdout.splitlines()
    assert re.match(r"networks trained on train lose a factor of .* on defocus [+-]\d+ nm: ", shown[0])
    assert re.match(r"that is the worst of 8 pairs; \d are about as good as trained there", shown[1])
    assert "verdict" in shown[3] and not any("sigma" in line for line in shown[:-1])
    answer = json.loads(call(files[0], several, "--json").stdout)
    worst = max(answer, key=lambda pair: pair["factor"])
    assert shown[0] == worst["verdict"]
    whole = call(files[0], several, "--all").stdout
    assert "epsilon (training)" in whole and "sigma" in whole


def test_json_and_a_picture(files: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "both.png"
    answer = json.loads(
        call(*files, "--json", "--picture", str(picture), "--energy-kev", "200", "--specimens", "Ag").stdout
    )
    assert answer["energy_kev"] == 200
    assert answer["training"]["epsilon"] > answer["test"]["epsilon"]
    assert answer["training"]["observers"].keys() == {"linear"}
    assert answer["factor"] > 1.1 and "lose a factor of" in answer["verdict"]
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_files_of_several_conditions_give_a_table(files: list[str]) -> None:
    """Conditions to score under tell what was trained on; the other file is tested on."""
    shown = call(str(EXAMPLES / "own_network.yaml"), str(EXAMPLES / "own_network.yaml")).stdout
    assert sum(line.startswith("│ defocus -10 nm ") for line in shown.splitlines()) == 13
    single = call(str(EXAMPLES / "own_network.yaml"), files[1])
    assert single.stdout.startswith("networks trained on defocus -10 nm lose a factor of ")


def test_a_study_tells_its_microscope_and_names_choose(files: list[str]) -> None:
    study = str(EXAMPLES / "quick_study.yaml")
    names = ("--train-name", "defocus -10 nm", "--test-name", "defocus +5 nm")
    answer = json.loads(call(study, study, *names, "--json").stdout)
    assert (answer["training"]["name"], answer["test"]["name"]) == ("defocus -10 nm", "defocus +5 nm")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--picture", "both.gif"), "unknown ending; allowed: .png, .svg"),
        (("--train-name", "nope"), "train.yaml has no condition 'nope'"),
        (("--specimens", "Unobtainium"), "Unobtainium"),
    ],
)
def test_what_is_not_there_is_told(files: list[str], arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(*files, *arguments)


def test_microscopes_that_differ_are_refused(files: list[str]) -> None:
    with pytest.raises(InputError, match="the electron energy is given twice, and differently"):
        call(str(EXAMPLES / "quick_study.yaml"), files[1], "--energy-kev", "80")
    with pytest.raises(InputError, match="the electron energy is given twice, and differently"):
        call(*files, "--energy-kev", "80", "--specimens", str(EXAMPLES / "quick_study.yaml"))
    several = str(EXAMPLES / "conditions.yaml")
    with pytest.raises(InputError, match="mtf_table counts in pixels.*--sampling-angstrom"):
        call(several, files[1])
    with pytest.raises(InputError, match="--picture draws one pair, and .*conditions.yaml has 8 conditions; choose"):
        call(several, files[1], "--picture", "both.png")


def test_faults_of_a_file_are_told_with_their_lines(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("defocus_nm: .nan\ndoes_e_per_A2: 400\n")
    with pytest.raises(InputError, match=r"(?s)wrong.yaml: \d faults.*line 1.*line 2, does_e_per_A2: unknown key"):
        call(str(tmp_path / "wrong.yaml"), files[1])
    with pytest.raises(InputError, match="absent.yaml"):
        call(str(tmp_path / "absent.yaml"), files[1])
    (tmp_path / "untested.yaml").write_text("training: [{name: a, defocus_nm: 3, dose_e_per_A2: 100}]\n")
    with pytest.raises(InputError, match=r"untested.yaml: 1 fault\n.*test: is missing; this key is required"):
        call(str(tmp_path / "untested.yaml"), files[1])


def test_files_of_one_name_are_told_apart(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/train.yaml").write_text(TEST)
    lines = call(files[0], str(tmp_path / "other/train.yaml"), "--all").stdout.splitlines()
    assert lines[2] == "train (training) -> train (test)"
    assert [line.partition(":")[0] for line in lines[4:6]] == ["epsilon of train (training)", "epsilon of train (test)"]


def test_a_picture_that_cannot_be_written_is_told_before_the_work(files: list[str]) -> None:
    result = CliRunner().invoke(app, ["compare", *files, "--picture", f"{files[0]}/both.png"])
    assert isinstance(result.exception, TemshiftError)
    assert re.fullmatch("cannot write .*both.png: .*; choose another folder: .*is a file", str(result.exception))


def test_conditions_that_no_images_can_be_formed_of_are_warned_of_once(tmp_path: Path) -> None:
    names = ", ".join(f"{{name: focus {number}, defocus_nm: {number}}}" for number in range(3))
    text = f"seed: 1\ndefault: {{dose_e_per_A2: 100, focal_spread_sigma_nm: 4}}\nconditions: [{names}]\n"
    (tmp_path / "set.yaml").write_text(text)
    wide = str(tmp_path / "set.yaml")
    warned = call(wide, wide, "--test-name", "focus 1", "--train-name", "focus 0").stderr
    assert warned.count("warning: images of 0.2 A pixels can't be formed so: ") == 2  # of training and of test
    warned = call(wide, wide).stderr
    assert warned.count("semiangle_cutoff_mrad of at most 43.35 works; or take a smaller spread") == 1
    assert "warning" not in call(wide, wide, "--sampling-angstrom", "0.4").stderr
    (tmp_path / "set.yaml").write_text("imaging: {coherence: envelope}\n" + text)
    assert "warning" not in call(wide, wide).stderr


SCINTILLATOR = """
energy_kev: 300
seed: 1
imaging: {camera: {kind: scintillator, pixel_angstrom: PIXEL}}
default: {dose_e_per_A2: 400, semiangle_cutoff_mrad: 12, defocus_nm: -10}
conditions: [{name: perfect}, {name: blurred, mtf_half_frequency: 0.4, scattering_share: 0.3, dqe_zero: 0.6}]
"""


def camera_file(folder: Path, pixel: float) -> str:
    path = folder / f"camera_{pixel}.yaml"
    path.write_text(SCINTILLATOR.replace("PIXEL", str(pixel)), encoding="utf-8")
    return str(path)


def factor(text: str) -> float:
    found = re.search(r"lose a factor of ([\d.]+)", text)
    return float(found[1]) if found else 1.0


def test_pixels_of_the_camera_are_those_of_its_settings(tmp_path: Path) -> None:
    """A scintillator that colours the noise costs much, and by its own pixels: more of them hold nothing but noise."""
    pair = ("--train-name", "perfect", "--test-name", "blurred", "--all")
    fine, coarse = (call(*[camera_file(tmp_path, pixel)] * 2, *pair).stdout for pixel in (0.2, 0.4))
    assert "at 300 keV, up to 0.609 1/A, pixels of 0.2 A" in fine and "pixels of 0.4 A" in coarse
    assert "assumed" not in fine + coarse
    assert factor(fine) > factor(coarse) > 1.3


def test_two_cameras_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the camera is given twice, .* of several cameras give imaging.camera alike"):
        call(camera_file(tmp_path, 0.2), camera_file(tmp_path, 0.4))


def test_specimens_of_each_side_stand_in_the_sentence(files: list[str]) -> None:
    sides = ("--train-specimens", "Au", "--test-specimens", "Si")
    shown = call(files[0], files[0], *sides).stdout
    pattern = r"networks trained on train with Au lose a factor of [\d.]+ on train with Si: other specimens"
    assert re.match(pattern, shown)
    answer = json.loads(call(*files, *sides, "--json").stdout)
    assert answer["verdict"].startswith("networks trained on train with Au lose a factor of")
    assert answer["specimens_factor"] > 1
    assert json.loads(call(*files, "--specimens", "Au", "--json").stdout)["specimens_factor"] is None


def test_specimens_of_each_side_may_be_a_recipe(files: list[str]) -> None:
    recipe = str(EXAMPLES / "specimens.yaml")
    shown = call(files[0], files[0], "--train-specimens", "Ag", "--test-specimens", recipe, "--rule", "ideal").stdout
    assert "on train with specimens" in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--train-specimens", "Au"], "--test-specimens is missing"),
        (["--test-specimens", "Au"], "--train-specimens is missing"),
        (["--train-specimens", "Au", "--test-specimens", "Au"], "both sides have the specimens Au"),
        (["--train-specimens", "Au", "--test-specimens", "Ag", "--specimens", "Ag"], "either these, or those of each"),
        (["--train-specimens", "Au", "--test-specimens", "Xx"], "Xx does not exist"),
    ],
)
def test_specimens_that_are_no_pair_are_refused(files: list[str], options: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        call(*files, *options)
