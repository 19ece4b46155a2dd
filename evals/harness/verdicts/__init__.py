"""Verdicts: rows in, verdicts out; nothing here knows a model, a disk or pytest.

One room per matter: the figures behind all of them (statistics), means of rows (scores), two sets of rows beside each
other (pairs), what one metric changed by (changes), what two runs did (comparison) and parts of them (slices), what
many came to one after the other (history), accepted scores (baseline), what rows must bring to be judged (evidence),
gates on a mean, on a paired difference and on a corrected figure (thresholds, regressions, corrected_gates) and what
they share (gates), those of one split together (splits), those of the judge's own test (judge_bars), two judges of the
same rows (second_opinion), a judge's mean as people's labels correct it (corrected), where those stand in a split's
rows (labelled), two runs that have some (corrected_changes), what labels of other runs say of a judge (judge_errors),
and what must hold for the control programs (controls).
"""
