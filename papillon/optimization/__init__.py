"""Prompt optimisation: DSPy's optimizers over the program (optimizing), and the programs that they try (candidates)."""
