"""Local: models whose weights run in this process, as engines that answer one request.

One room per matter: llama.cpp (embedded) with its weights on disk (weights) and its grammars (schema), transformers'
(transformers) over a model with a trained adapter (causal_model, lora), how a token is drawn (sampling), and requests
that are answered together (batches, batching).
"""
