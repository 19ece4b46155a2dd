"""Arbor: a training by arbor-ai's own server, on GPUs that it has for itself.

How that release takes the settings (arguments), the processes that it starts, watched and ended for sure (processes),
its trainer as they run it (trainer), what goes to it in each round (listening), what its logs say (logs), its output
and its calls within this machine (screen), and one training through it (session).
"""
