"""Ranges: in which the numbers of the results file lie, as notes on the fields of its dataclasses."""

from typing import Annotated

from papillon.shape import at_least, between

__all__ = ["Amount", "Count", "Difference", "Share"]

#: How many of something.
Count = Annotated[int, at_least(0)]
#: A score, or another share of a whole.
Share = Annotated[float, between(0, 1)]
#: Of two scores.
Difference = Annotated[float, between(-1, 1)]
#: Seconds, or USD.
Amount = Annotated[float, at_least(0)]
