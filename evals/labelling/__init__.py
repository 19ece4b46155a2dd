"""Labelling: people judge the rows of a run, on a page of the loopback or at the terminal.

One room per matter: the questions of one row and what may answer them (questions), one person's way through the drawn
rows, each answer kept at once (sitting), what a run and a label file make of it (opening), how it is asked at the
terminal (terminal), and in a browser: the server, which knows no question (server), and the page that it gives
(page, assembled by pages); what it came to (closing), and all of it as the command (command).
"""
