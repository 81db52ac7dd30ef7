"""The output of anyone's network becomes logits as it is said to be; what looks like something else is refused."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from temshift.core.errors import InputError, TemshiftError
from temshift.scoring import score
from temshift.scoring.reading import Gives, LogitsOf, Reading

WANTED = {"default": {"dose_e_per_A2": 400, "semiangle_cutoff_mrad": 12.0}, "test": [{"name": "a", "defocus_nm": 10}]}


def logits_of(images: Tensor) -> Tensor:
    """A network of one filter."""
    return 2 * torch.nn.functional.avg_pool2d(images, 5, 1, 2, count_include_pad=False)


def two(images: Tensor) -> Tensor:
    """Logits of background and particle."""
    return torch.cat([0.5 - 0.25 * logits_of(images), 0.5 + 0.75 * logits_of(images)], 1)


def three(images: Tensor) -> Tensor:
    """Logits of three classes, the particle's in the middle."""
    return torch.cat([torch.zeros_like(images), logits_of(images) + math.log(2), torch.zeros_like(images)], 1)


SAME = {
    "logits": (logits_of, {}),
    "logits, said": (logits_of, {"gives": "logits"}),
    "probability": (lambda images: logits_of(images).sigmoid(), {"gives": "probability"}),
    "a channel": (lambda images: torch.cat([images, logits_of(images)], 1), {"channel": 1}),
    "first channel": (lambda images: torch.cat([logits_of(images), images], 1), {"channel": 0}),
    "two classes": (two, {"gives": "two-class"}),
    "two classes, turned": (lambda images: two(images).flip(1), {"gives": "two-class", "channel": 0}),
    "softmax": (lambda images: two(images).softmax(1), {"gives": "two-class"}),
    "softmax of a class": (lambda images: two(images).softmax(1), {"gives": "probability", "channel": 1}),
    "log softmax": (lambda images: two(images).log_softmax(1), {"gives": "two-class"}),
    "three classes": (three, {"gives": "two-class", "channel": 1}),
    "three, softmax": (lambda images: three(images).softmax(1), {"gives": "two-class", "channel": 1}),
}


@pytest.mark.parametrize("name", SAME)
def test_every_way_to_give_the_same_logits_scores_alike(discs: Path, name: str) -> None:
    network, given = SAME[name]
    expected, scores = score(logits_of, discs, WANTED), score(network, discs, WANTED, **given)  # type: ignore[arg-type]
    for column in ("cross_entropy", "f1", "calibration_error"):
        assert scores[column].to_list() == pytest.approx(expected[column].to_list(), rel=1e-4)
    assert scores["test_id"].equals(expected["test_id"])


REFUSED = {
    "probability": (lambda images: logits_of(images).sigmoid(), {}, "between 0 and 1, as probabilities do; say with"),
    "constant": (lambda images: torch.full_like(images, 0.5), {}, "--gives logits|probability|two-class"),
    "decision": (lambda images: (images > 0).float(), {}, "between 0 and 1, as probabilities do; say with"),
    "softmax, a channel": (lambda images: two(images).softmax(1), {"channel": 1}, "--gives logits|probability"),
    "log softmax, a channel": (lambda images: two(images).log_softmax(1), {"channel": 1}, "are logarithms of prob"),
    "no channel said": (two, {}, "gives (5, 2, 32, 32) for images (5, 1, 32, 32); it must give one logit a pixel"),
    "probability of none": (two, {"gives": "probability"}, "--channel N (channel= in Python) is that of the particle"),
    "three, none said": (three, {"gives": "two-class"}, "or the channel has to be said"),
    "no such channel": (two, {"channel": 2}, "there is no channel 2; give --channel 0 to 1"),
    "one class": (logits_of, {"gives": "two-class"}, "two-class needs two channels or more; give --gives"),
    "no probability": (
        logits_of,
        {"gives": "probability"},
        "no probabilities; scale them to 0 to 1 inside",
    ),
    "two sigmoids": (lambda images: two(images).sigmoid(), {"gives": "two-class"}, "do not sum to 1"),
    "no such meaning": (logits_of, {"gives": "logit"}, "allowed: logits, probability, two-class"),
    "no channel": (logits_of, {"channel": -1}, "channels count from 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_logit_as_said_is_refused(discs: Path, name: str) -> None:
    network, given, message = REFUSED[name]
    with pytest.raises(InputError) as refused:
        score(network, discs, WANTED, **given)  # type: ignore[arg-type]
    assert message in str(refused.value)


def test_a_network_that_never_decides_gives_logits(discs: Path) -> None:
    assert score(torch.zeros_like, discs, WANTED)["cross_entropy"].to_list() == pytest.approx([math.log(2)])


def test_one_batch_of_logits_settles_it() -> None:
    """A later batch may lie between 0 and 1 by chance, such as the few images of a picture."""
    asked = LogitsOf(lambda images: images, Reading())
    low, high = torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), 1.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        asked(low)
    assert torch.equal(asked(high), high)
    assert torch.equal(asked(low), low)


def test_probabilities_of_0_and_1_cost_16_nat_and_no_more() -> None:
    asked = LogitsOf(lambda images: (images > 0).float(), Reading(gives="probability"))
    logits = asked(torch.tensor([[[[1.0, -1.0]]]]))
    assert logits.flatten().tolist() == pytest.approx([math.log(1e7), -math.log(1e7)], rel=1e-4)


@pytest.mark.parametrize("gives", [None, "probability"])
def test_no_numbers_are_no_scores(discs: Path, gives: Gives | None) -> None:
    with pytest.raises(TemshiftError, match="no numbers under 'a'; look at its weights"):
        score(lambda images: images * math.nan, discs, WANTED, gives=gives)


class Ending:
    """A network whose file says how its graph ends."""

    name, channels = "net.onnx", 2

    def __init__(self, ending: str) -> None:
        self.ending = ending

    def __call__(self, images: Tensor) -> Tensor:
        return two(images)


@pytest.mark.parametrize("ending", ["Sigmoid", "Softmax", "LogSoftmax", "Hardmax", "Tanh", "Relu", "ArgMax"])
def test_the_end_of_a_graph_suffices_to_refuse(ending: str) -> None:
    with pytest.raises(InputError, match=f"ends in {ending}, so that its output is no logit; say with --gives logits"):
        LogitsOf(Ending(ending), Reading(channel=1))
    LogitsOf(Ending(ending), Reading(gives="two-class"))
    with pytest.raises(
        InputError, match="net.onnx gives 2 channels; it must give one logit a pixel, or the channel has"
    ):
        LogitsOf(Ending(""), Reading())
