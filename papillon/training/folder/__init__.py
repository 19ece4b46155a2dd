"""The folder that a training leaves: its rounds (record), their picture (curve), where to go on (checkpoints), and what
came of it (adapter).
"""
