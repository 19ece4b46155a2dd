"""Reports: what a run came to, as text; each is a view that decides nothing.

One room per matter: the lines at the end of a run (summary) and their tables (tables), what is said of the judge
(judge), the section of the terminal that holds all of it (terminal), and private: a text cut into pieces by what
stands, leaked or differs in it (marked).
"""
