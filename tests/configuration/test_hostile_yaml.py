"""YAML that was made to break its reader: one short message at once, and no traceback."""

import re
import time
from pathlib import Path

import pytest

from temshift.configuration.model import ConfigurationError, load_configuration, parse_configuration
from temshift.configuration.yaml_document import MOST_CHARACTERS
from temshift.core.errors import InputError
from temshift.studies import Study

ROOT = Path(__file__).parents[2]
TINY = (ROOT / "examples" / "tiny.yaml").read_text(encoding="utf-8")
LONGEST_MESSAGE = 2000


def with_seed(text: str) -> str:
    return re.sub(r"(?m)^seed: .*$", lambda _: f"seed: {text}", TINY)


def laughs() -> str:
    """Ten levels of nine aliases each: 3.5 thousand million values."""
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(["l0: &l0 [x, x, x, x, x, x, x, x, x]", *levels])


TEXTS = {
    "5000 hexadecimal digits": (with_seed("0x" + "f" * 5000), "line 3, seed: given a number of 5002 characters"),
    "5000 octal digits": (with_seed("0o" + "7" * 5000), "line 3, seed: given a number of 5002 characters"),
    "5000 decimal digits": (with_seed("9" * 5000), "line 3, seed: given a number of 5000 characters; at most 300"),
    "300 decimal digits": (with_seed("9" * 300), "must be less than 9223372036854775808"),
    "300 hexadecimal digits as a length": (
        TINY.replace("sampling_angstrom: 0.4", "sampling_angstrom: 0x" + "f" * 290),
        "exit_waves.sampling_angstrom",
    ),
    "a million digits": (with_seed("1" * 1_000_000), "given a number of 1000000 characters"),
    "a long fraction": (with_seed("0." + "1" * 5000), "given a number of 5002 characters"),
    "half a character": (with_seed(r'"\ud800"'), r"line 3, seed: holds half a character"),
    "half a character in a key": (TINY + '\n"\\udfff": 1\n', "has a key with half a character"),
    "half a character in a name": (
        TINY.replace("name: tiny study", r'name: "tiny \udc80"'),
        "name: holds half a character",
    ),
    "a character that is no part of YAML": (TINY + "\0", "the character #x0000 is not allowed"),
    "an escape sequence as a key": (TINY + '\n"\\e[31m": 1\n', r"\x1b[31m: unknown key"),
    "a hundred thousand brackets": ("[" * 100_000, "nested too deeply"),
    "mappings in mappings": ("{a: " * 5000, "nested too deeply"),
    "items of items": ("- " * 3000 + "a", "nested too deeply"),
    "keys of keys": ("? " * 3000, "nested too deeply"),
    "a billion laughs": (laughs(), "more than 200000 values"),
    "an anchor that contains itself": ("a: &a [*a]", "an anchor contains itself"),
    "five thousand unknown keys": (
        TINY + "\n" + "".join(f"key{n}: 1\n" for n in range(5000)),
        "5000 faults",
    ),
    "an endless name": (TINY.replace("name: tiny study", "name: " + "x" * 100_000), "name: given 'xxxx"),
    "an endless tag": (with_seed("!" + "x" * 10_000 + " 1"), "has the tag !xxx"),
    "an endless alias": (with_seed("*" + "x" * 10_000), "undefined alias"),
    "a tag of another language": (with_seed("!!python/object/apply:os.system [id]"), "only plain values are allowed"),
    "a tag on a mapping": (TINY.replace("counts:", "counts: !other"), "counts: has the tag !other"),
    "a tag that lies": (with_seed("!!bool abc"), "seed: given 'abc' with the tag !!bool; leave the tag out"),
    "a whole number that is none": (with_seed("!!int abc"), "given 'abc' with the tag !!int"),
    "infinity": (with_seed("1e999"), "must be a finite number"),
    "not a number": (with_seed(".nan"), "must be a finite number"),
    "nothing but a list": ("- 1\n- 2\n", "must be a mapping"),
    "two documents": (TINY + "\n---\na: 1\n", "another document"),
    "too long a text": ("#" * (MOST_CHARACTERS + 1), "characters"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_one_short_message_at_once(case: str) -> None:
    text, message = TEXTS[case]
    begin = time.process_time()
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, Study, "study.yaml")
    assert time.process_time() - begin < 1
    assert message in str(caught.value)
    assert len(str(caught.value)) <= LONGEST_MESSAGE
    assert all(sign.isprintable() or sign == "\n" for sign in str(caught.value))


def test_of_many_faults_the_first_are_listed_and_the_others_counted() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration("".join(f"key{n}: 1\n" for n in range(1000)) + TINY, Study, "study.yaml")
    first, *faults, last = str(caught.value).splitlines()
    assert first == "study.yaml: 1000 faults"
    assert [fault.split(":")[0] for fault in faults] == [f"  line {n + 1}, key{n}" for n in range(len(faults))]
    assert last == f"  and {1000 - len(faults)} more"


def test_the_name_of_the_file_may_be_long() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration("a: 1", Study, "x" * 4000)
    assert len(str(caught.value)) <= LONGEST_MESSAGE
    assert "a: unknown key" in str(caught.value)


def test_a_character_that_json_writes_as_two_escapes_is_whole() -> None:
    text = TINY.replace("name: tiny study", r'name: "tiny \ud83d\ude00"')
    assert parse_configuration(text, Study, "study.yaml").name == "tiny \N{GRINNING FACE}"


def test_a_file_without_end_is_refused() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("no such file here")
    begin = time.process_time()
    with pytest.raises(InputError):
        load_configuration("/dev/zero", Study)
    assert time.process_time() - begin < 5
