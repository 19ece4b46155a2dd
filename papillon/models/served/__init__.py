"""Served: models behind an OpenAI-compatible server, somebody's or one that is started for the run (vllm).

One room per matter: one attempt at one call (endpoint) over the wire (connections), with its key (api_keys) and in the
server's own dialect (dialect); what came back as an answer (replies) or as a failure (refusals), read from its bytes
(bodies, error_bodies) by its words (wordings), without what it repeats of the request (quotations) and of keys
(masking). A server of the run's own ends with it (watch), and says in its log why it did not start (server_log).
"""
