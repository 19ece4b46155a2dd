"""Prompt optimisation: DSPy's optimizers over the program (optimizing), the programs that they try (candidates), and
what the command is typed with (arguments)."""
