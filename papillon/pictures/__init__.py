"""Pictures of figures as SVG: small, self-contained, the same bytes for the same figures; nothing is fetched or run.

One room per matter: a picture, for a page or as a file, and pictures below each other (picture), what it is made of
(elements), where a value lies and what stands beside an axis (axes), values over rounds or runs (lines), two figures
such as quality and leakage against each other (scatter), how often which value came (histogram), and values with their
intervals one below the other (intervals).

A picture is drawn 480 wide, so that its letters can be read on a page of 400 pixels, and takes its page's text colour
(``currentColor``); the colours of what is drawn are seen on white and on black, and a page's style sheet may set others
by class. Whatever text comes in is escaped.
"""

from papillon.pictures.axes import Axis
from papillon.pictures.histogram import histogram
from papillon.pictures.intervals import Bar, intervals
from papillon.pictures.lines import At, Level, Line, lines
from papillon.pictures.picture import Picture, below
from papillon.pictures.scatter import Dot, scatter

__all__ = [
    "At",
    "Axis",
    "Bar",
    "Dot",
    "Level",
    "Line",
    "Picture",
    "below",
    "histogram",
    "intervals",
    "lines",
    "scatter",
]
