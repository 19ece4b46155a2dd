"""vLLM for real, on the CPU: `vllm serve` as a profile starts it, evaluated, with an adapter, failing and interrupted.

vLLM lives in an environment of its own (`make test-vllm`) beside the one that the tests run in: a run finds its command
on the path, as a user's run does. There, too, the model's folder is made (model). What a run starts is in groups.
"""
