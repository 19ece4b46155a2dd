"""Local: models whose weights run in this process, as engines that answer one request.

One room per matter: llama.cpp, as an engine (llama_cpp) over copies of a model (copies) within the memory that there is
(memory), which read a prompt's opening once (openings), with its grammars (schema); the model that ships (embedded)
with its weights on disk (weights); any .gguf file (gguf_model), where it is (gguf_place), fetched from the hub
(gguf_hub) where that answers (hub), with its header (gguf_file) and its sha256 (gguf_digest); transformers with a
trained adapter (transformers, lora), over a model and its tokenizer (causal_model), how one token is drawn (sampling)
and what follows it (decoding), and requests that are answered together (batching).
"""
