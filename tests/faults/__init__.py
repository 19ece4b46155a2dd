"""Faults of the machine under whole runs: a disk that is full or gone, a database that others hold."""
