"""Arbor: a training by arbor-ai's own server, on GPUs that it has for itself.

How that release takes the settings (arguments), the processes that it starts, watched and ended for sure (processes),
and one training through it (session).
"""
