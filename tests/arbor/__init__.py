"""Arbor for real, on CPUs: its application, managers, launcher, trainer, checkpoints and weight sync.

Replaced are NVML, NCCL and vLLM alone, since there is no GPU: what stands in for them lies in on_cpus/, which every
process of a training has on its path. A training runs in a process of its own (training); runs starts one, watches it
and looks at what it leaves.
"""
