"""Results as one table: whole, in order, merged from several folders, and told from what a study asked for before."""

import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from temshift.configuration.yaml_document import read_document
from temshift.core.errors import DamagedError, InputError
from temshift.micrographs import scoring_batches, training_batches
from temshift.networks import load
from temshift.storage.files import read_json, table_bytes
from temshift.storage.records import read_facts, write_record, write_recorded
from temshift.studies import Plan, Study, StudyFolder, load_study, read_results, run_study
from temshift.studies.analysis.results import gather
from temshift.studies.analysis.tested_conditions import keep_tests
from temshift.studies.folder import stored_study, study_text
from temshift.studies.planning.part import score_id
from temshift.studies.running import run
from temshift.studies.sources import source_of
from temshift.vocabulary.columns import RESULTS, SCORES
from temshift.workflows import score_network

CONDITIONS: dict[str, Any] = {
    "default": {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0, "focal_spread_sigma_nm": 1.0},
    "training": [
        {"name": "under", "defocus_nm": {"normal": {"mean": -10, "sd": 1.5}}},
        {"name": "over", "defocus_nm": 8},
    ],
    "test": [{"name": "defocus {value:+g} nm", "series": "defocus_nm", "values": [-20, 8]}],
}
FAST: dict[str, Any] = {
    "counts": {"training": 4, "test": 3, "per_shard": 4},
    "training": {"steps": 3, "batch": 2},
    "network": {"widths": [4], "stem": 4},
    "information": {"specimens": 2, "draws": 8, "observers": False},
    "examples": {"specimens": 1},
    "conditions": CONDITIONS,
    "cohort": 3,
}


@pytest.fixture(scope="module")
def make(tiny_text: str) -> Callable[..., Study]:
    """Make a study of few steps with some settings replaced."""

    def make_one(**settings: Any) -> Study:
        return Study.model_validate(deepcopy(read_document(tiny_text).data) | FAST | settings)

    return make_one


@pytest.fixture(scope="module")
def study(make: Callable[..., Study]) -> Study:
    """Two training distributions, two learning rates and two seeds."""
    return make(seeds=2, sweep={"training.learning_rate": [0.01, 0.001]})


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """The study, run."""
    return run_study(study, tmp_path_factory.mktemp("results") / "study", workers=0)


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Study], StudyFolder]:
    """Train and score the networks of a study, without the report."""
    monkeypatch.setattr(run, "conclude", lambda *_: None)
    return lambda study: run_study(study, tmp_path / "scored", workers=0)


@pytest.fixture
def copy(folder: StudyFolder, tmp_path: Path) -> Callable[[str], StudyFolder]:
    """Copy the folder without its waves."""

    def copy_one(name: str = "copy") -> StudyFolder:
        shutil.copytree(folder.root, tmp_path / name, ignore=shutil.ignore_patterns("waves", "spectra", "report.html"))
        return StudyFolder(tmp_path / name)

    return copy_one


def forget(folder: StudyFolder, ids: list[str]) -> None:
    for id_ in ids:
        shutil.rmtree(folder.network(id_))
        shutil.rmtree(folder.scores(id_))


def test_there_is_a_row_for_each_network_and_condition_in_the_order_of_the_study(
    folder: StudyFolder, study: Study
) -> None:
    found = read_results(folder.root)
    expected = [
        (f"{training}, learning_rate {rate:g}", seed, test)
        for rate in (0.01, 0.001)
        for training in ("under", "over")
        for seed in (0, 1)
        for test in ("defocus -20 nm", "defocus +8 nm")
    ]
    assert found.select("training_name", "seed", "test_name").rows() == expected
    assert found["network_id"].unique(maintain_order=True).to_list() == [run.id for run in Plan(study).networks]
    assert found["in_study"].all()


def test_every_setting_has_a_column(folder: StudyFolder) -> None:
    found = read_results(folder.root)
    assert found.columns[: len(RESULTS)] == list(RESULTS)
    assert found["training.learning_rate"].to_list() == [0.01] * 8 + [0.001] * 8
    assert set(found["network.widths"]) == {"[4]"}
    assert set(found["training.batch"]) == {2}
    assert set(found["imaging.coherence"]) == {"exact"}
    assert found["test_defocus_nm"].to_list() == [-20, 8] * 8
    assert found["training_defocus_nm"].to_list() == [*[-10.0] * 4, *[8.0] * 4] * 2
    assert found["training_defocus_sd_nm"].to_list() == [*[1.5] * 4, *[0.0] * 4] * 2
    assert pl.read_parquet(folder.table("results")).equals(found)


@pytest.mark.slow
def test_swept_settings_of_specimens_have_a_column(
    make: Callable[..., Study], scored: Callable[[Study], StudyFolder]
) -> None:
    """Also those that no network depends on, and those of networks that the study no longer asks for."""
    sweep = {"specimens.particles.crystal": ["CdSe", "Ag"], "counts.test": [2, 3]}
    study = make(sweep=sweep)
    place = scored(study)
    found = gather(place, Plan(study))
    labels = [f"crystal {row[0]}, test {row[1]}" for row in found.select(*sweep).rows()]
    assert all(name.endswith(label) for name, label in zip(found["training_name"], labels, strict=True))
    assert set(labels) == {f"crystal {crystal}, test {count}" for crystal in ("CdSe", "Ag") for count in (2, 3)}
    assert found["images"].equals(found["counts.test"].rename("images"))
    former = gather(place, Plan(make(sweep={"specimens.particles.crystal": ["Ag"], "counts.test": [2]})))
    assert set(former.filter(pl.col("in_study"))["specimens.particles.crystal"]) == {"Ag"}
    assert set(former.filter(~pl.col("in_study"))["specimens.particles.crystal"]) == {"CdSe", "Ag"}


def test_scores_of_before_a_column_lack_it_and_nothing_else(copy: Callable[[str], StudyFolder]) -> None:
    """Ids stay: nothing is scored again, and the number that was never computed is missing."""
    older = copy("older")
    now = read_results(older.root)
    assert now["cross_entropy_softmax_twice"].is_between(0, 1).all()
    assert now["stability_cross_entropy"].to_list() == pytest.approx(
        now.select(pl.col("cross_entropy").std().over("network_id"))["cross_entropy"].to_list()
    )
    for record in (older.root / "scores").glob("*/*.json"):
        table = table_bytes(pl.read_parquet(record.with_suffix(".parquet")).drop("cross_entropy_softmax_twice"))
        write_recorded(
            record,
            {record.with_suffix(".parquet").name: table},
            {"score_ids": read_facts(record)["score_ids"]},
        )
    before = read_results(older.root)
    assert before["cross_entropy_softmax_twice"].null_count() == len(before) == len(now)
    lacking = ["cross_entropy_softmax_twice", "stability_softmax_twice"]
    assert before.drop(lacking).equals(now.drop(lacking))


def test_a_loss_is_the_mean_over_pixels_and_g_id_and_g_ood_are_differences_of_losses(
    folder: StudyFolder, study: Study
) -> None:
    """Formed, segmented and summed once more, by hand."""
    one = next(one for one in Plan(study).networks if one.name.startswith("over"))
    network, plan = load(folder.network(one.id)), Plan(study)

    def loss(batches: Any) -> float:
        images, masks = (torch.cat(parts) for parts in zip(*batches, strict=True))
        with torch.inference_mode():
            return float(binary_cross_entropy_with_logits(network(images).double(), masks.double()))

    outside, inside = (
        loss(scoring_batches(source_of(folder.root, test.source, "cpu"), test.conditions, batch=3, stream=test.stream))
        for test in plan.tests_of[one.id][:2]
    )
    source = source_of(folder.root, one.source, "cpu")
    pool = training_batches(
        source, one.conditions, steps=1, batch=4, stream=one.stream, images="fresh", augmentation="none"
    )
    seen = loss(pool)
    rows = read_results(folder.root).filter(pl.col("network_id") == one.id)
    assert rows["cross_entropy"].to_list() == pytest.approx([outside, inside], rel=1e-5)
    assert rows["in_distribution_cross_entropy"].to_list() == pytest.approx([inside] * 2, rel=1e-5)
    assert rows["training_cross_entropy"].to_list() == pytest.approx([seen] * 2, rel=1e-5)
    assert rows["g_ood"].to_list() == pytest.approx([outside - inside, 0], rel=1e-4, abs=1e-7)
    assert rows["g_id"].to_list() == pytest.approx([inside - seen] * 2, rel=1e-4)


def test_a_training_that_is_no_test_condition_has_its_loss_in_distribution_all_the_same(folder: StudyFolder) -> None:
    rows = read_results(folder.root).filter(pl.col("training_name").str.starts_with("under"))
    assert rows["in_distribution_cross_entropy"].null_count() == 0
    assert rows["g_ood"].is_finite().all()
    assert (rows["g_ood"] != 0).all()


@pytest.mark.slow
def test_parts_of_a_study_from_two_machines_are_one(
    folder: StudyFolder, study: Study, copy: Callable[[str], StudyFolder]
) -> None:
    ids = [run.id for run in Plan(study).networks]
    one, other = copy("one"), copy("other")
    forget(one, ids[::2])
    forget(other, ids[1:4:2])  # so that some rows are in both
    merged = read_results(one.root, other.root)
    assert merged.equals(read_results(folder.root))
    assert read_results(other.root, one.root).equals(merged)
    with pytest.warns(UserWarning, match="8 of 16 scores are missing, those of 4 of 8 networks"):
        assert len(read_results(one.root)) == 8


def test_the_same_folder_twice_is_told_once(folder: StudyFolder) -> None:
    assert read_results(folder.root, str(folder.root)).equals(read_results(folder.root))


def test_an_unfinished_study_tells_what_it_has(copy: Callable[[str], StudyFolder], study: Study) -> None:
    part = copy("part")
    ids = [run.id for run in Plan(study).networks]
    forget(part, ids[2:])
    part.table("results").unlink()
    shutil.rmtree(part.scores(ids[1]))
    with pytest.warns(UserWarning, match="14 of 16 scores are missing, those of 7 of 8 networks") as warned:
        found = read_results(part.root)
    assert warned[0].filename == __file__  # it points to the call
    assert found["network_id"].unique().to_list() == ids[:1]
    shutil.rmtree(part.scores(ids[0]))
    with pytest.raises(InputError, match=r"part: no scores yet; see temshift status"):
        read_results(part.root)


@pytest.mark.parametrize("removed", [False, True])
def test_a_network_whose_card_is_damaged_is_told_or_left_out_with_a_word(
    removed: bool, copy: Callable[[str], StudyFolder], study: Study
) -> None:
    part, victim = copy("part"), Plan(study).networks[3].id
    card = part.network(victim) / "network.json"
    card.write_text(card.read_text(encoding="utf-8").replace('"seed": 1', '"seed": 2'), encoding="utf-8")
    if removed:
        card.unlink()
    with pytest.raises(
        DamagedError, match=r"network\.json is (damaged|missing).*(run again|temshift run makes it again)"
    ):
        read_results(part.root)
    words: list[str] = []
    left = gather(part, Plan(study), words.append)
    assert victim not in set(left["network_id"])
    assert len(left) == 14
    assert len(words) == 1
    assert words[0].startswith(f"left out: {card} is ")


def test_missing_scores_are_counted_in_words(copy: Callable[[str], StudyFolder], study: Study) -> None:
    part, victim, words = copy("part"), Plan(study).networks[3].id, []
    read_results(part.root)  # no warning, which would be an error here
    read_results(part.root, remark=words.append)
    assert words == []
    for record in part.scores(victim).glob("*.json"):
        record.unlink()
    assert len(read_results(part.root, remark=words.append)) == 14
    assert len(words) == 1
    assert words[0].startswith("2 of 16 scores are missing, those of 1 of 8 networks; temshift runs")


def test_damaged_or_lost_test_conditions_are_told(copy: Callable[[str], StudyFolder], study: Study) -> None:
    part = copy("part")
    conditions = deepcopy(CONDITIONS) | {"test": [{**CONDITIONS["test"][0], "values": [3, 8]}]}  # -20 nm is no more
    changed = Study.model_validate(read_document(study_text(study)).data | {"conditions": conditions})
    part.study_file.write_text(study_text(changed), encoding="utf-8")
    words: list[str] = []
    assert not read_results(part.root, remark=words.append)["in_study"].all()
    part.table("tests").unlink()
    read_results(part.root, remark=words.append)
    assert any("left out: 8 scores under 1 test conditions that neither the study" in text for text in words), words
    part.table("tests").write_bytes(b"PAR1")
    with pytest.raises(DamagedError, match=r"tests\.parquet is damaged; temshift run makes it again"):
        read_results(part.root)


def test_a_former_test_condition_of_a_training_is_not_dropped_in_silence(
    copy: Callable[[str], StudyFolder], study: Study
) -> None:
    """+8 nm is a training's own condition too: it stays described without the table, but not that it was listed."""
    part = copy("part")
    conditions = deepcopy(CONDITIONS) | {"test": [{**CONDITIONS["test"][0], "values": [-20, 3]}]}
    changed = Study.model_validate(read_document(study_text(study)).data | {"conditions": conditions})
    part.study_file.write_text(study_text(changed), encoding="utf-8")
    part.conclusion.unlink()  # it vouches for the former study file
    words: list[str] = []
    kept = read_results(part.root, remark=words.append)
    assert "defocus +8 nm" in set(kept["test_name"])
    assert len(words) == 1 and "8 of 16 scores are missing" in words[0]
    part.table("tests").unlink()
    with pytest.warns(UserWarning) as warned:
        assert len(read_results(part.root)) < len(kept)
    said = r"left out: \d+ scores under 2 conditions of trainings, .*tests\.parquet, .*is missing"
    assert re.search(said, str(warned[0].message)) and "8 of 16 scores are missing" in str(warned[1].message)
    keep_tests(part, Plan(changed), words.append)
    assert words[-1].startswith(f"made again: {part.table('tests')} is missing; results of test conditions")
    words.clear()
    read_results(part.root, remark=words.append)
    assert len(words) == 1


def test_an_altered_study_file_is_told(copy: Callable[[str], StudyFolder]) -> None:
    part, words = copy("part"), []
    part.study_file.write_text(part.study_file.read_text(encoding="utf-8").replace("under", "other"), encoding="utf-8")
    read_results(part.root, remark=words.append)
    assert "study.yaml is damaged: altered content" in words[0]
    assert "temshift run with the file of the study" in words[0]
    with pytest.raises(DamagedError, match=r"study\.yaml is damaged"):
        stored_study(part)
    part.study_file.write_text("", encoding="utf-8")
    with pytest.raises(DamagedError, match="temshift run with the file of the study and --output"):
        read_results(part.root)


def test_an_old_record_that_does_not_name_the_study_file_is_told_and_read(copy: Callable[[str], StudyFolder]) -> None:
    part, words = copy("part"), []
    named = set(read_json(part.conclusion)["files"]) - {part.study_file.name}
    files = [part.root / name for name in named if (part.root / name).exists()]
    write_record(part.conclusion, files, read_facts(part.conclusion))
    assert len(read_results(part.root, remark=words.append)) == 16
    assert len(words) == 1
    assert words[0].startswith("an earlier version wrote")


def test_what_a_study_asked_for_before_is_kept_and_labelled(copy: Callable[[str], StudyFolder], study: Study) -> None:
    """One learning rate less, and another test condition."""
    part = copy("part")
    conditions = deepcopy(CONDITIONS) | {"test": [{**CONDITIONS["test"][0], "values": [-20, 3]}]}
    text = study_text(study).replace("[0.01, 0.001]", "[0.001]")
    changed = Study.model_validate(
        read_document(text).data | {"conditions": conditions, "sweep": {"training.learning_rate": [0.001]}}
    )
    part.study_file.write_text(study_text(changed), encoding="utf-8")
    with pytest.warns(UserWarning, match=r"study\.yaml is damaged|4 of 8 scores are missing"):
        found = read_results(part.root)
    assert len(found) == 16
    current, former = found.filter("in_study"), found.filter(~pl.col("in_study"))
    assert found["in_study"].to_list() == [True] * 4 + [False] * 12
    assert set(current["training.learning_rate"]) == {0.001} and set(current["test_name"]) == {"defocus -20 nm"}
    assert former.filter(pl.col("training.learning_rate") == 0.001)["test_name"].unique().to_list() == ["defocus +8 nm"]
    assert former["g_ood"].is_finite().all()
    assert gather(part, Plan(load_study(part.study_file))).equals(found)


def test_scores_of_an_earlier_version_of_temshift_do_not_mix_with_those_of_now(
    copy: Callable[[str], StudyFolder], study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer scores of a network, half of what they were: nothing in distribution is taken from before."""
    part = copy("part")
    former = read_results(part.root)
    monkeypatch.setattr("temshift.scoring.scored_images.SCORES_VERSION", 99)
    plan = Plan(study)
    keep_tests(part, plan, pytest.fail)
    run = next(run for run in plan.networks if run.name.startswith("over"))
    before = former.filter(pl.col("network_id") == run.id)
    rows = [
        {**row, "test_id": test.id, "score_id": score_id(run.id, test.id), "cross_entropy": row["cross_entropy"] / 2}
        for row, test in zip(before.select(list(SCORES)).iter_rows(named=True), plan.tests_of[run.id], strict=True)
    ]
    table = table_bytes(pl.DataFrame(rows, schema=SCORES))
    facts = {"score_ids": [row["score_id"] for row in rows]}
    write_recorded(part.scores(run.id) / "new.json", {"new.parquet": table}, facts)
    with pytest.warns(UserWarning, match="14 of 16 scores are missing"):
        found = read_results(part.root).filter(pl.col("network_id") == run.id)
    half = pytest.approx([value / 2 for value in before["in_distribution_cross_entropy"]])
    assert found.filter("in_study")["in_distribution_cross_entropy"].to_list() == half
    assert found.filter(~pl.col("in_study")).select("g_ood").equals(before.select("g_ood"))


@pytest.mark.slow
def test_folders_of_different_studies_keep_their_settings(
    folder: StudyFolder, make: Callable[..., Study], scored: Callable[[Study], StudyFolder]
) -> None:
    """A setting that no network of one folder has, and a network of another kind."""
    training = FAST["training"] | {"schedule": "decay", "early_stopping_epochs": 2}
    counts = FAST["counts"] | {"validation": 2}
    network = {"kind": "resnet18", "width": 8}
    other = scored(make(name="other", training=training, counts=counts, network=network))
    merged = read_results(folder.root, other.root)
    assert len(merged) == 16 + 4
    assert merged["training.early_stopping_epochs"].to_list() == [None] * 16 + [2] * 4
    assert merged["network.width"].to_list() == [None] * 16 + [8] * 4
    assert merged["network.kind"].to_list() == ["compact"] * 16 + ["resnet18"] * 4
    assert merged["training.initial"].dtype == pl.String and merged["training.initial"].null_count() == 20


def test_a_network_that_several_settings_share_is_told_under_each_name_with_its_own_conditions(
    make: Callable[..., Study], scored: Callable[[Study], StudyFolder]
) -> None:
    """The number of test specimens changes the scores, not the network."""
    found = read_results(scored(make(sweep={"counts.test": [2, 3]})).root)
    assert found["network_id"].n_unique() == 2
    assert found.select("training_name", "images").unique(maintain_order=True).rows() == [
        (f"{training}, test {count}", count) for count in (2, 3) for training in ("under", "over")
    ]
    assert len(found) == 8 and found["in_study"].all()


def test_networks_whose_settings_hardly_differ_have_names_and_rows_of_their_own(
    make: Callable[..., Study], scored: Callable[[Study], StudyFolder]
) -> None:
    """Learning rates that are alike in six digits."""
    found = read_results(scored(make(sweep={"training.learning_rate": [0.01, 0.01000000001]})).root)
    assert found["training_name"].n_unique() == 4
    assert found["network_id"].n_unique() == 4
    assert len(found) == 8


@pytest.mark.slow
def test_scores_of_anyone_s_network_stand_beside_those_of_a_study(folder: StudyFolder, tmp_path: Path) -> None:
    wanted = {key: CONDITIONS[key] for key in ("default", "test")} | {"seed": 1}
    own = score_network(lambda images: images, folder.root, wanted, tmp_path / "own", identity="0123456789abcdef")
    merged = read_results(folder.root, own.root)
    assert len(merged) == 16 + 2
    assert merged.head(16).select(list(RESULTS)).equals(read_results(folder.root).select(list(RESULTS)))
    last = merged.tail(2)
    assert set(last["network_id"]) == {"0123456789abcdef"}
    assert last["test_id"].to_list() == merged["test_id"].head(2).to_list()
    assert last["training.learning_rate"].null_count() == last["training_name"].null_count() == 2
    assert read_results(own.root).height == 2


def test_no_folder_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="no folder is named"):
        read_results()
