"""Members of every union in a configuration carry a tag, so that no message has to guess which one was meant."""

import pkgutil
from importlib import import_module
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, Discriminator, Tag, ValidationError

import temshift
from temshift.configuration.model import Configuration
from temshift.configuration.unions import chosen_by


def models() -> set[type[BaseModel]]:
    """All models of temshift; its entry point runs when it is imported."""
    for module in pkgutil.walk_packages(temshift.__path__, "temshift."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return {model for model in below(BaseModel) if model.__module__.startswith("temshift.")}


def below(model: type[BaseModel]) -> set[type[BaseModel]]:
    return {model}.union(*(below(child) for child in model.__subclasses__()))


def unions(annotation: Any, marks: tuple[Any, ...] = ()) -> list[tuple[Any, tuple[Any, ...]]]:
    """Every union within an annotation, with its marks; one kind or nothing is none."""
    if get_origin(annotation) is Annotated:
        bare, *more = get_args(annotation)
        return unions(bare, (*marks, *more))
    members = [member for member in get_args(annotation) if member is not type(None)]
    inner = [union for member in members for union in unions(member)]
    is_union = get_origin(annotation) in (Union, UnionType) and len(members) > 1
    return [(annotation, marks), *inner] if is_union else inner


def untagged(model: type[BaseModel]) -> list[str]:
    faults = []
    for name, field in model.model_fields.items():
        for union, marks in unions(field.annotation, (*field.metadata, field.discriminator)):
            tags = [any(isinstance(mark, Tag) for mark in getattr(m, "__metadata__", ())) for m in get_args(union)]
            if not (all(tags) and any(isinstance(mark, Discriminator) for mark in marks)):
                faults.append(f"{model.__module__}.{model.__name__}.{name}: {union}")
    return faults


def test_every_union_is_tagged() -> None:
    known = models()
    assert {"Study", "Database", "SurfaceEnergy", "LabelChoice"} <= {model.__name__ for model in known}
    assert [fault for model in known for fault in untagged(model)] == []


def test_a_union_without_tags_would_be_noticed() -> None:
    class Loose(Configuration):
        plain: int | None = None
        listed: tuple[int | str, ...] = ()
        marked: Annotated[Annotated[int, Tag("a")] | Annotated[str, Tag("b")], chosen_by(lambda _: "a", "a")] = 1

    assert [fault.partition(":")[0].rpartition(".")[2] for fault in untagged(Loose)] == ["listed"]


def test_a_value_without_a_tag_has_one_fault_and_a_validated_one_its_own_tag() -> None:
    class Tilt(Configuration):
        degree: float

    def tag(given: Any) -> str | None:
        return "tilt" if isinstance(given, dict | Tilt) else "none" if given == "none" else None

    class Stage(Configuration):
        tilt: Annotated[
            Annotated[str, Tag("none")] | Annotated[Tilt, Tag("tilt")], chosen_by(tag, "'none' or a mapping")
        ]

    assert Stage(tilt=Tilt(degree=1)).model_dump() == {"tilt": {"degree": 1.0}}
    assert Stage.model_validate({"tilt": "none"}).model_dump() == {"tilt": "none"}
    with pytest.raises(ValidationError) as caught:
        Stage.model_validate({"tilt": 3})
    (error,) = caught.value.errors()
    assert error["loc"] == ("tilt",) and error["msg"] == "Input should be 'none' or a mapping"
