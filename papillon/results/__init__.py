"""Results: what a run came to, as data that cannot change; made by the harness, read without it.

One room per matter: a row (rows).
"""
