"""What a picture draws, read from its SVG."""

from __future__ import annotations

from xml.etree import ElementTree

from papillon.pictures import Picture

__all__ = ["SVG", "signs", "tree", "written"]

SVG = "{http://www.w3.org/2000/svg}"


def tree(picture: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(picture.file())


def written(picture: Picture) -> list[str]:
    """Every text that is drawn, in its order."""
    return [text.text or "" for text in tree(picture).iter(f"{SVG}text")]


def signs(picture: Picture) -> list[str]:
    """What a pointer shows on each sign that says something."""
    marked = (each for tag in ("circle", "path", "rect") for each in tree(picture).iter(f"{SVG}{tag}"))
    return [title.text or "" for each in marked if (title := each.find(f"{SVG}title")) is not None]
