"""Settings of a training: their faults, what follows from others, and what a result depends on."""

import pytest

from temshift.configuration.model import ConfigurationError, dump_configuration, parse_configuration
from temshift.core import content_hash
from temshift.networks import TrainingSettings


def settings_for(**given: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"schedule": "decay", **given})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: 10\nepochs: 3", "steps 10 and epochs 3 given; give one of the two"),
        ("decay_per_epoch: 0.9", "decay_per_epoch needs schedule: decay"),
        ("early_stopping_epochs: 3", "early_stopping_epochs needs schedule: decay"),
        ("epochs: 0", "epochs: given 0; must be greater than or equal to 1"),
        ("optimiser: lion", "'lion' is not known; allowed: 'adamw', 'adam', 'sgd'"),
        ("momentum: 0.5", "momentum 0.5 and optimiser adamw given; sgd alone takes one"),
        ("loss: softmax", "'softmax' is not known; allowed: 'cross_entropy', 'softmax_twice'"),
        ("initial: {weights: a, freeze: all}", "initial.freeze: 'all' is not known"),
    ],
)
def test_faults_of_settings_are_told_once(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, TrainingSettings, "training.yaml")
    assert told in str(caught.value) and len(caught.value.faults) == 1


@pytest.mark.parametrize(
    ("given", "decay", "steps"),
    [({}, 0.01, 480), ({"optimiser": "adam", "epochs": 10}, 0.0, None), ({"optimiser": "sgd"}, 0.0, 480)],
)
def test_what_is_not_given_follows_from_what_is(given: dict[str, object], decay: float, steps: int | None) -> None:
    settings = TrainingSettings.model_validate(given)
    assert (settings.weight_decay, settings.steps) == (decay, steps)
    assert parse_configuration(dump_configuration(settings), TrainingSettings, "again") == settings


def test_identity_is_what_the_weights_depend_on() -> None:
    of = {keep: settings_for(keep=keep).identity() for keep in ("none", "last", "best", "both")}
    assert of["none"] == of["last"]
    assert len({str(identity) for identity in of.values()}) == 3
    assert settings_for().identity() != settings_for(learning_rate=0.02).identity()


def test_settings_that_older_studies_do_not_know_leave_their_identity_alone() -> None:
    assert (
        content_hash(TrainingSettings(steps=150).identity()) == "817c4965004b5730"
    )  # of before loss, momentum, phonons
    others = [
        {"loss": "softmax_twice"},
        {"optimiser": "sgd"},
        {"optimiser": "sgd", "momentum": 0.0},
        {"phonons": "drawn"},
    ]
    identities = [content_hash(TrainingSettings.model_validate(given).identity()) for given in [{}, *others]]
    assert len(set(identities)) == 5
    assert TrainingSettings.model_validate({"optimiser": "sgd"}).momentum == 0.9
