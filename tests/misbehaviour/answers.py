"""Answers that come with status 200 in other shapes than the usual one."""

from __future__ import annotations

from collections.abc import Mapping

from tests.misbehaviour.reply import Misbehaviour

__all__ = ["ANSWERS"]

ANSWERS: Mapping[str, Misbehaviour] = {}
