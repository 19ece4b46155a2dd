"""The check of a GPU: what the one-device trainer computes there, how fast and in how much memory.

``python -m tests.gpu`` runs it, part by part, each in a process of its own, and writes a table and ``gpu.json``;
without a GPU the same parts run in a tiny form on the CPU. A machine without a network takes the folder that
``make gpu-bundle`` makes. Its modules: the models' shapes and the tutorial's batch (shapes, batch), speed and memory
(speed), TRL on the same batch (beside_trl), rounds through ArborGRPO (through_arbor), numbers beside the CPU's
(numbers), a reward that rises (learning), what is printed (table), and what is carried along (bundle).
"""
