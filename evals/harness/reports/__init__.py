"""Reports: what a run came to, as text; each is a view that decides nothing.

One room per matter: the lines at the end of a run (summary) and their tables (tables), what is said of the judge
(judge), its figures beside people's labels (corrected), its rows with the worst first (worst), and the section of the
terminal that holds all of it (terminal). Two runs and more beside each other (compare), their quality against their
leakage as a picture (trade_off), many one after the other (history), and all that left a folder (runs). The same for a
pull request, of a run (markdown) and of two (markdown_compare), in Markdown in which no name or sentence acts (markup).

Private, for who asked by name: a text cut into pieces by what stands, leaked or differs in it (marked), these as lines
of a terminal (lines), why the lexical judge found an answer close (lexical), everything about one row (example), and
what ``papillon show`` prints (show). As a page for a browser: a run, or two, with the texts of their rows (page).
"""
