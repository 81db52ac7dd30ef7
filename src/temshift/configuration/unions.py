"""Unions whose members are known by a tag, so that a fault is that of the member meant."""

from collections.abc import Callable
from typing import Any

from pydantic import Discriminator


def chosen_by(tag: Callable[[Any], str | None], expected: str) -> Discriminator:
    """Let a function choose the member of a union, each of which carries a `pydantic.Tag`.

    Parameters
    ----------
    tag : callable
        Takes a value, a validated one too, and returns the tag of a member; None if the value can be none of them.
    expected : str
        End of the sentence "must be ...", for a value without a tag.

    Returns
    -------
    pydantic.Discriminator
        For the annotation of the union.

    Examples
    --------
    >>> from typing import Annotated
    >>> from pydantic import Tag
    >>> from temshift.configuration.model import Configuration, parse_configuration
    >>> tags = {int: "number", str: "name"}
    >>> union = Annotated[int, Tag("number")] | Annotated[str, Tag("name")]
    >>> class Label(Configuration):
    ...     value: Annotated[union, chosen_by(lambda given: tags.get(type(given)), "a whole number or text")]
    >>> parse_configuration("value: Au", Label, "label.yaml").value
    'Au'
    >>> parse_configuration("value: 1.5", Label, "label.yaml")
    Traceback (most recent call last):
    temshift.configuration.model.ConfigurationError: label.yaml: 1 fault
      line 1, value: given 1.5; must be a whole number or text
    """
    return Discriminator(tag, custom_error_type="no_member", custom_error_message=f"Input should be {expected}")
