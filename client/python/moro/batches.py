"""What the answer to a batch holds."""

from __future__ import annotations

from typing import Any, List

from .errors import Garbled, InvalidArgument, from_wire


def elements(data: Any) -> List[Any]:
    """The data of a batch, of any kind of sequence or iterator."""
    if isinstance(data, (str, bytes, dict)) or not hasattr(data, "__iter__"):
        raise InvalidArgument(f"batch takes a list, not {type(data).__name__}", field="data")
    return list(data)


def outcomes(answer: Any, return_exceptions: bool) -> List[Any]:
    """The result of each element, or its error."""
    if not isinstance(answer, list):
        raise Garbled("the answer to a batch is no array")
    given = [from_wire(e["error"]) if "error" in e else e.get("result") for e in answer]
    if not return_exceptions:
        for element, outcome in zip(answer, given):
            if "error" in element:
                raise outcome
    return given
