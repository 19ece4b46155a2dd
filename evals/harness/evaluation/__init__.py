"""Evaluation: how a row comes about, from an example of the data to its scores.

One room per matter: the examples of a run (examples), what is run on each (subjects, control_programs), the order in
which that happens (scheduler, barrier, waiting), and how what came of it is scored (scoring) and kept (outcome).
The key of cached rows covers this folder whole.
"""
