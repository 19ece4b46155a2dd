"""Reports: what a run came to, as text; each is a view that decides nothing.

One room per matter: the lines at the end of a run (summary) and their tables (tables), what is said of the judge
(judge), and the section of the terminal that holds all of it (terminal); the same for a pull request (markdown), in
Markdown in which no name or sentence acts (markup).
"""
