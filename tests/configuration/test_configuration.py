"""Configurations: round trips, and every fault told with its line and the nearest valid key."""

import pickle
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from temshift.configuration.model import (
    Configuration,
    ConfigurationError,
    dump_configuration,
    load_configuration,
    parse_configuration,
)
from temshift.configuration.unions import chosen_by
from temshift.core.errors import InputError


class Range(Configuration):
    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _ordered(self):
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} exceeds maximum {self.maximum:g}; swap them")
        return self


class Phase(Configuration):
    kind: Literal["phase"] = "phase"
    threshold: float = Field(gt=0)


class Outline(Configuration):
    kind: Literal["outline"] = "outline"
    phase: int = 3  # a key that is also the tag of another member


def kind(given):
    return given.get("kind") if isinstance(given, dict) else getattr(given, "kind", "phase")


Mask = Annotated[Annotated[Phase, Tag("phase")] | Annotated[Outline, Tag("outline")], Discriminator(kind)]


def extent(given):
    if isinstance(given, dict | Range):
        return "range"
    return "number" if isinstance(given, float | int) else None


Extent = Annotated[
    Annotated[float, Tag("number")] | Annotated[Range, Tag("range")], chosen_by(extent, "a number or a mapping")
]


class Particles(Configuration):
    crystal: Literal["CdSe", "Au"]
    radius_nm: Range
    cell_nm: tuple[float, float] = (5.0, 5.0)
    count: int = Field(1, ge=1, le=5)
    mask: Mask = Phase(threshold=1.0)
    masks: tuple[Mask, ...] = ()
    thickness_nm: Extent = 3.0
    named: dict[str, Range] = {}
    gap_nm: Range | None = None


class Study(Configuration):
    particles: Particles
    name: str = "study"
    fast: bool = False


VALID = "particles: {crystal: Au, radius_nm: {minimum: 1, maximum: 2}}\n"

numbers = st.floats(allow_nan=False, allow_infinity=False)
characters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
texts = st.text(characters, max_size=30) | st.sampled_from(["1e3", "yes", "~", "null", "0x1F", "2020-01-01", "a: b"])
ranges = st.lists(numbers, min_size=2, max_size=2).map(lambda pair: Range(minimum=min(pair), maximum=max(pair)))
masks = st.builds(Phase, threshold=st.floats(1e-300, 1e300)) | st.builds(Outline, phase=st.integers())
particles = st.builds(
    Particles,
    crystal=st.sampled_from(["CdSe", "Au"]),
    radius_nm=ranges,
    cell_nm=st.tuples(numbers, numbers),
    count=st.integers(1, 5),
    mask=masks,
    masks=st.lists(masks, max_size=3).map(tuple),
    thickness_nm=numbers | ranges,
    named=st.dictionaries(texts, ranges, max_size=3),
    gap_nm=st.none() | ranges,
)
studies = st.builds(Study, particles=particles, name=texts, fast=st.booleans())


def faults_of(text, model=Study):
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, model, "study.yaml")
    return {fault.key: (fault.line, fault.message) for fault in caught.value.faults}


def in_particles(line):
    return f"particles:\n  crystal: Au\n  radius_nm: {{minimum: 1, maximum: 2}}\n  {line}\n"


@given(studies)
def test_round_trip(study):
    assert parse_configuration(dump_configuration(study), Study, "dumped") == study


@given(studies)
def test_dump_is_stable_and_in_the_order_of_the_model(study):
    text = dump_configuration(study)
    assert dump_configuration(parse_configuration(text, Study, "dumped")) == text
    top = [line.split(":")[0] for line in text.splitlines() if line[0] not in " -"]
    assert top == ["particles", "name", "fast"]


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80))
def test_any_text_gives_a_model_or_faults(text):
    class Free(Configuration):
        a: float = 0.0

    try:
        assert isinstance(parse_configuration(text, Free, "text"), Free)
    except ConfigurationError as error:
        assert error.faults
        assert all(fault.message for fault in error.faults)


def test_all_faults_are_told_at_once():
    text = """\
particles:
  crystal: CdTe
  radius_nm: {minimum: 3, maximum: 2}
  cell_nm: [1, 2, 3]
  count: "5"
  mask: {kind: phas}
  thicknes_nm: 3
  named: {a: {minimum: 1}}
  masks:
    - {kind: phase, threshold: -1}
    - {kind: outline, phase: 3.5}
name: 7
name: x
"""
    faults = faults_of(text)
    assert {key: line for key, (line, _) in faults.items()} == {
        "particles.crystal": 2,
        "particles.radius_nm": 3,
        "particles.cell_nm": 4,
        "particles.count": 5,
        "particles.mask.kind": 6,
        "particles.thicknes_nm": 7,
        "particles.named.a.maximum": 8,
        "particles.masks.0.threshold": 10,
        "particles.masks.1.phase": 11,
        "name": 13,
    }
    assert faults["particles.crystal"][1] == "'CdTe' is not known; allowed: 'CdSe', 'Au'; nearest: 'CdSe'"
    assert faults["particles.radius_nm"][1] == "minimum 3 exceeds maximum 2; swap them"
    assert faults["particles.count"][1] == "given '5'; must be a whole number; write 5"
    assert faults["particles.mask.kind"][1] == "'phas' is not known; allowed: 'phase', 'outline'; nearest: 'phase'"
    assert faults["particles.thicknes_nm"][1].endswith("nearest: 'thickness_nm'")
    assert "'gap_nm'" in faults["particles.thicknes_nm"][1]
    assert faults["particles.masks.0.threshold"][1] == "given -1; must be greater than 0"
    assert faults["particles.masks.1.phase"][1] == "given 3.5; must be a whole number"
    assert faults["name"][1] == "is given twice; first on line 12"


def test_text_of_the_error_lists_every_fault():
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(VALID + "nam: x\nfast: 1", Study, "study.yaml")
    assert str(caught.value).splitlines() == [
        "study.yaml: 2 faults",
        "  line 2, nam: unknown key; allowed: 'particles', 'name', 'fast'; nearest: 'name'",
        "  line 3, fast: given 1; must be true or false",
    ]


@pytest.mark.parametrize(
    ("line", "key", "message"),
    [
        ("thickness_nm: abc", "particles.thickness_nm", "given 'abc'; must be a number or a mapping"),
        ("thickness_nm: [1, 2]", "particles.thickness_nm", "given a list of 2; must be a number or a mapping"),
        (
            "thickness_nm: {minimum: x, maximum: 1}",
            "particles.thickness_nm.minimum",
            "given 'x'; must be a number",
        ),
        ("thickness_nm: {minimum: 1}", "particles.thickness_nm.maximum", "is missing; this key is required"),
        ("mask: {threshold: 1}", "particles.mask", "the key 'kind' is missing"),
        ("mask: {kind: phase}", "particles.mask.threshold", "is missing; this key is required"),
        ("mask: 3", "particles.mask", "given 3; must be a mapping"),
        ("cell_nm: 3", "particles.cell_nm", "given 3; must be a list"),
        ("cell_nm: [1, .nan]", "particles.cell_nm.1", "given .nan; must be a finite number"),
        ("cell_nm: [1, !!python/name:os.system x]", "particles.cell_nm.1", "only plain values are allowed"),
        ("gap_nm: 3", "particles.gap_nm", "given 3; must be a mapping"),
        ("count: true", "particles.count", "given true; must be a whole number"),
        ("count: 9", "particles.count", "given 9; must be less than or equal to 5"),
        ("count:", "particles.count", "given nothing; must be a whole number"),
    ],
)
def test_one_fault_gives_one_message(line, key, message):
    faults = faults_of(in_particles(line))
    assert list(faults) == [key]
    assert faults[key][0] == 4
    assert faults[key][1].endswith(message)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: [1\nb: 2", 2, "is not YAML: expected ',' or ']'"),
        ("a: 1\n---\nb: 2", 2, "another document"),
        ("a:\n\tb: 1", 2, "cannot start any token"),
        ("a: 1\nb: \x01", 2, "#x0001 is not allowed"),
        ("a: *nothing", 1, "undefined alias"),
        ("a: &loop [*loop]", 1, "an anchor contains itself"),
        ("- 1", 1, "must be a mapping"),
        ("~", 1, "must be a mapping"),
        ("? [1, 2]\n: 3", 1, "a key that is a list or a mapping"),
    ],
)
def test_broken_text_is_told_with_its_line(text, line, part):
    found_line, message = faults_of(text)[""]
    assert found_line == line
    assert part in message


def test_aliases_that_multiply_are_refused():
    levels = "".join(f"x{n + 1}: &x{n + 1} [{', '.join([f'*x{n}'] * 10)}]\n" for n in range(9))
    assert "aliases counted each time" in faults_of("x0: &x0 [1, 1]\n" + levels)[""][1]


def test_an_empty_text_is_an_empty_mapping():
    assert faults_of("# nothing yet\n") == {"particles": (1, "is missing; this key is required")}


def test_numbers_follow_yaml_1_2():
    study = parse_configuration(in_particles("cell_nm: [1e-3, 2]") + "name: yes\n", Study, "study.yaml")
    assert study.particles.cell_nm == (1e-3, 2.0)
    assert study.name == "yes"


def test_configurations_are_frozen_and_refuse_nan():
    with pytest.raises(ValidationError, match="frozen"):
        Range(minimum=1, maximum=2).minimum = 3
    with pytest.raises(ValidationError, match="finite"):
        Range(minimum=1, maximum=float("nan"))


def test_load_names_the_file(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("\ufeff" + VALID, encoding="utf-8")
    assert load_configuration(path, Study).particles.crystal == "Au"
    path.write_text("nam: x")
    with pytest.raises(ConfigurationError, match=r"study\.yaml: 2 faults"):
        load_configuration(path, Study)


def test_load_of_what_is_no_text_file(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00a")
    for name, cause in [
        ("absent.yaml", "No such file"),
        (".", "Is a directory"),
        ("binary.yaml", "not text"),
    ]:
        with pytest.raises(InputError, match=cause):
            load_configuration(tmp_path / name, Study)


def test_the_error_survives_a_worker_process():
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration("nam: x", Study, "study.yaml")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.faults == caught.value.faults
    assert copy.exit_code == 2


def test_faults_across_keys_have_lines():
    class Plan(Configuration):
        names: tuple[str, ...]
        first: str

        def cross_faults(self):
            return [] if self.first in self.names else [(("first",), f"{self.first!r} is none of the names")]

    assert parse_configuration("first: a\nnames: [a]", Plan, "plan").first == "a"
    assert faults_of("names: [a]\nfirst: b", Plan) == {"first": (2, "'b' is none of the names")}


@pytest.mark.parametrize(
    "text", ["a\x85b", "? x", ": x", "- x", "#", "\x00\x1b", "\u2028", "a\n  b\n", " ", "%a", "---"]
)
def test_awkward_texts_come_back(text):
    class Words(Configuration):
        words: tuple[str, ...]
        named: dict[str, str]

    words = Words(words=(text, text), named={text: text})
    assert parse_configuration(dump_configuration(words), Words, "dumped") == words


Name = Annotated[
    Annotated[int, Tag("number")] | Annotated[str, Tag("text")],
    chosen_by(lambda given: {int: "number", str: "text"}.get(type(given)), "a whole number or text"),
]


class Named(Configuration):
    names: Annotated[tuple[Name, ...], Field(min_length=1)]


class Chosen(Configuration):
    """Holds a range or a mask, told apart by their keys; a member may hold a union of its own."""

    part: Annotated[
        Annotated[Range, Tag("Range")] | Annotated[Named, Tag("Named")],
        Discriminator(lambda given: "Named" if isinstance(given, dict) and "names" in given else "Range"),
    ]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "part: {minimum: 1, maximun: 2}",
            ["part.maximum: is missing", "part.maximun: unknown key; allowed: 'minimum'"],
        ),
        ("part: {minimum: 3, maximum: 2}", ["part: minimum 3 exceeds maximum 2; swap them"]),
        ("part: {names: [a, 1.5]}", ["part.names.1: given 1.5; must be a whole number or text"]),
        ("part: {names: []}", ["part.names: given a list of 0; needs at least 1 item"]),
        ("part: 5", ["part: given 5; must be a mapping"]),
    ],
)
def test_members_that_a_function_tells_apart_have_faults_of_their_own(text, faults):
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, Chosen, "chosen.yaml")
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == len(faults), told
    for line, start in zip(told, faults, strict=True):
        assert line.startswith(f"line 1, {start}"), told


def test_a_printed_configuration_leaves_out_what_is_not_given():
    class Few(Configuration):
        first: float | None = None
        second: float | None = None

    assert repr(Few(second=2.0)) == "Few(second=2.0)"
