"""Outputs: which of a prompt's draws stands behind a text that ArborGRPO sends to be learned.

It sends an output that it could read in the form that DSPy's chat adapter gives it, and that differs from what was
drawn: the marker ``completed`` and a line break end it, after which no model ends by itself. Learned so, a few tokens
that were never drawn, and whose chance is one in a hundred thousand, would weigh more than all the others.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

__all__ = ["drawn_output"]

#: A field's line in the chat adapter's form; no field's name begins with an underscore, whatever a model writes.
_HEADER = re.compile(r"^\[\[ ## ([^\W_]\w*) ## \]\]$", re.MULTILINE)


def drawn_output(sent: str, drawn: Collection[str]) -> str | None:
    """The text among those ``drawn`` that is ``sent``, to the letter or else to the fields; None where none is."""
    if sent in drawn:
        return sent
    import dspy  # not at the top: to sample needs none

    names = _HEADER.findall(sent)[:-1]  # the last is no field
    signature = dspy.Signature({name: (str, dspy.OutputField()) for name in names})
    fields = _read(sent, signature)
    return next((text for text in drawn if fields == _read(text, signature)), None) if fields else None


def _read(text: str, signature: Any) -> dict[str, Any] | None:
    """The signature's fields as DSPy's chat adapter reads them, None where it finds others."""
    from dspy import ChatAdapter
    from dspy.utils.exceptions import AdapterParseError

    try:
        fields: dict[str, Any] = ChatAdapter().parse(signature, text)
    except AdapterParseError:
        return None
    return fields
