"""Training: ArborGRPO over the program, on Arbor's server or on one device in this process.

``settings`` says what a training is told, ``run`` carries it out. How GRPO works is read in ``losses``, ``learner``
and ``executor``, in this order. Importing this package loads neither torch nor arbor.
"""
