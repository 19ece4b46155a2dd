"""Evaluation: how a row comes about, from an example of the data to its scores.

One room per matter: the examples of a run (examples), what is run on each (subjects, control_programs,
own_programs), the order in
which that happens (scheduler, barrier, waiting), how what came of it is scored (scoring) and kept (outcome), how it is
told in the run's folder (traces), and how it is read again from recorded calls (rereading). Beside the rows, the
labelled cases that are put to the judge (judge_cases).
The key of cached rows covers this folder whole.
"""
