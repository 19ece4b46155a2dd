"""Reports: what a run came to, as text; each is a view that decides nothing.

One room per matter: the lines at the end of a run (summary) and their tables (tables), what is said of the judge
<<<<<<< HEAD
(judge), and the section of the terminal that holds all of it (terminal); the same for a pull request (markdown), in
Markdown in which no name or sentence acts (markup).
=======
(judge), its rows with the worst first (worst), and the section of the terminal that holds all of it (terminal).

Private, for who asked by name: a text cut into pieces by what stands, leaked or differs in it (marked), these as lines
of a terminal (lines), everything about one row (example), and what ``papillon show`` prints (show).
>>>>>>> main
"""
