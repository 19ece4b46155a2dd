"""Joiners: signs that nobody sees and that letters or emoji need beside them, and the emoji that they make one sign of.

Zero-width joiners shape Persian and Indic words and join emoji; variation selectors choose an emoji's or an ideograph's
form. Each stands for one sign of a text, and only where it does something that can be seen.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["JOINED", "needed"]

_EMOJI = "©®‼⁉™ℹ↔-↪⌚-⏿Ⓜ▪-◾☀-➿⤴⤵⬅-⭕〰〽㊗㊙\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
_SKIN = "\U0001f3fb-\U0001f3ff"
_ONE = f"[{_EMOJI}](?:\ufe0f|[{_SKIN}])?"
#: Emoji of several signs, which are shown as one of two columns: joined ones, toned ones, and a key with its cap.
JOINED = re.compile(f"{_ONE}(?:\u200d{_ONE})+|[{_EMOJI}](?:\ufe0f|[{_SKIN}])|[0-9#*]\ufe0f\u20e3")

_JOINERS = "\u200c\u200d"
_UNSEEN = re.compile(f"[{_JOINERS}\ufe0e\ufe0f\U000e0100-\U000e01ef]")
_IS_EMOJI = re.compile(f"[{_EMOJI}]")
_IS_SKIN = re.compile(f"[{_SKIN}]")
#: The scripts whose letters join: Arabic with its extensions, Syriac, N'Ko, Mandaic.
_JOINING = re.compile("[\u0620-\u077f\u07c0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
#: Unicode's combining class of the sign that takes an Indic letter's vowel away.
_VIRAMA = 9


def needed(text: str) -> set[int]:
    """The offsets of the joiners and variation selectors of ``text`` that the signs beside them need."""
    return {found.start() for found in _UNSEEN.finditer(text) if _is_needed(text, found.start())}


def _is_needed(text: str, at: int) -> bool:
    sign, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if not before or not before.isprintable():
        return False
    if sign not in _JOINERS:
        if sign >= "\U000e0100":
            return bool(_IDEOGRAPH.match(before))
        return bool(_IS_EMOJI.match(before) or (before in "0123456789#*" and (sign, after) == ("\ufe0f", "\u20e3")))
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if _JOINING.match(before) and _is_letter(before):
        return sign == "\u200d" or bool(_JOINING.match(after) and _is_letter(after))
    if sign == "\u200c":
        return False
    if before in "\ufe0f" or _IS_SKIN.match(before):
        before = text[at - 2 : at - 1] if at > 1 else ""
    if _IS_EMOJI.match(before) and before.isprintable():
        return bool(_IS_EMOJI.match(after) and after.isprintable())
    return bool("\u0900" <= before <= "\u0dff" and after and unicodedata.combining(after) == _VIRAMA)


def _is_letter(sign: str) -> bool:
    """Whether it is a letter, or a mark on one."""
    return unicodedata.category(sign)[0] in "LM"
