"""Verdicts: rows in, verdicts out; nothing here knows a model, a disk or pytest.

One room per matter: the figures behind all of them (statistics), two sets of rows beside each other (pairs), accepted
scores (baseline), what rows must bring to be judged (evidence), the gates of one kind each (gates) and of one split
together (splits), and what must hold for the control programs (controls).
"""
