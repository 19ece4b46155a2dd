"""Training: GRPO over the program, by Arbor's server on its GPUs or by one device in this process.

One room per matter: what a training is told (settings), what a profile makes of that (task), who can carry it out
(devices), carrying it out (run), and what both who do offer, resuming included (session), kept quiet (surroundings).
Below them: the method (grpo: losses, learner, policy, rollouts, rounds, compiler), one device in the place of Arbor's
managers (one_device: session, group_trainer, sampler with its draws and guides, serving), Arbor's own server (arbor:
session, processes, arguments), and what a training leaves (folder: record, curve, checkpoints, adapter).

How GRPO works is read in ``tests/papillon/training/test_one_round.py``: a round as a plain loop of some forty lines,
which ends at the trainer's very weights; then in ``grpo``. Importing this package loads neither torch nor arbor.
"""
