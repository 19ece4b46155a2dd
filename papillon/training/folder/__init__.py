"""The folder that a training leaves: its settings and rounds (record), their picture (curve), its checkpoints, and its
adapter as llama.cpp reads one (gguf_adapter).
"""
