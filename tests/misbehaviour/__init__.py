"""Ways in which model servers misbehave, by name: what is asked below ``/NAME/v1`` of the test server gets them.

Each is a function of a request's body and of how many calls came to its address (from 1); None behaves well.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.misbehaviour.answers import ANSWERS
from tests.misbehaviour.outages import OUTAGES
from tests.misbehaviour.refusals import REFUSALS
from tests.misbehaviour.reply import Misbehaviour, Reply, completion

__all__ = ["MISBEHAVIOURS", "Misbehaviour", "Reply", "completion"]

MISBEHAVIOURS: Mapping[str, Misbehaviour] = {**ANSWERS, **OUTAGES, **REFUSALS}
