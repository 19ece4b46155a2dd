"""Local: models whose weights run in this process, as engines that answer one request.

One room per matter: llama.cpp (embedded) with its weights on disk (weights) and its grammars (schema); transformers
with a trained adapter (transformers, lora), over a model and its tokenizer (causal_model), how one token is drawn
(sampling), and requests that are answered together (batching).
"""
