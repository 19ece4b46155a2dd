"""Coverage-guided fuzzing of what reads from outside: ``make fuzz`` looks for inputs that are neither read nor refused.

The readers are in targets, the looking in __main__ (with atheris, in an environment of its own); what was found lies in
``found/TARGET``, and test_targets gives it to its reader in every run of the tests.
"""
