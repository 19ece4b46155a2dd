"""Reports: what a run came to, as text; each is a view that decides nothing.

One room per matter: the lines at the end of a run (summary) and their tables (tables), and the terminal while it goes
and when it is over (terminal).
"""
