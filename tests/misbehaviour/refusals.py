"""Refusals: statuses and words with which servers turn one call, or every call, down."""

from __future__ import annotations

from collections.abc import Mapping

from tests.misbehaviour.reply import Misbehaviour

__all__ = ["REFUSALS"]

REFUSALS: Mapping[str, Misbehaviour] = {}
