"""One device: a training in this process, behind Arbor's own server application.

All is put together in session. Arbor's routes (serving) find two stand-ins for its managers: one answers requests
(sampler) and remembers what it drew (draws), writing a format's markers where it is told so (guide); the other takes
the groups in and learns (group_trainer).
"""
