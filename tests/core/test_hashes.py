"""Hashes: independent of the order of keys, sensitive to everything else."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temshift.configuration.model import Configuration
from temshift.core.hashes import canonical_json, content_hash, file_hash, joined_hash

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def reordered(value):
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(plain)
def test_order_of_keys_does_not_matter(value):
    assert content_hash(reordered(value)) == content_hash(value)


@given(plain)
def test_canonical_text_holds_the_value(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=1), st.data())
def test_any_change_of_a_value_matters(value, data):
    key = data.draw(st.sampled_from(sorted(value)))
    assert content_hash({**value, key: value[key] + 1}) != content_hash(value)


def test_known_digits():
    assert content_hash({"b": [1, 2.5], "a": None}) == hashlib.sha256(b'{"a":null,"b":[1,2.5]}').hexdigest()[:16]


def test_order_of_lists_and_kinds_of_values_matter():
    hashes = [content_hash(value) for value in ([1, 2], [2, 1], ["1", 2], [True, 2], [1, None], {"1": 2})]
    assert len(set(hashes)) == len(hashes)


def test_minus_zero_is_zero():
    assert content_hash([-0.0]) == content_hash([0.0])


def test_models_count_as_what_they_dump():
    class Lens(Configuration):
        defocus_nm: float
        axes: tuple[int, ...] = (1, 2)

    lens = Lens(defocus_nm=5)
    assert content_hash({"lens": [lens]}) == content_hash({"lens": [{"axes": [1, 2], "defocus_nm": 5.0}]})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        content_hash({"a": [number]})


@pytest.mark.parametrize("value", [{1: 2}, {"a": {None: 1}}, {"a": object()}])
def test_other_keys_and_values_are_refused(value):
    with pytest.raises(TypeError):
        content_hash(value)


def test_file_hash_streams_the_whole_file(tmp_path):
    data = bytes(range(256)) * 8192
    (tmp_path / "a").write_bytes(data)
    assert file_hash(tmp_path / "a") == hashlib.sha256(data).hexdigest()


@given(st.lists(st.text(st.sampled_from("0123456789abcdefz"), min_size=1, max_size=16), min_size=1, max_size=4))
def test_hashes_are_joined_to_the_hash_of_their_list(hashes):
    assert joined_hash(*hashes) == content_hash(hashes)


@pytest.mark.parametrize("text", ['a"b', "a b", "\u00e4", "", "\u0663"])
def test_only_hashes_are_joined(text):
    with pytest.raises(ValueError, match="give texts of letters and digits"):
        joined_hash(text)
