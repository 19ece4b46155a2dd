"""Language models: engines that answer one request, and what bounds, repeats and records their calls.

One room per matter. What a run asks: its models by role (roles), as DSPy takes them (halves), where a model's name
leads (providers), what answers there (backends), and what a training left of one (trained). The models themselves:
weights in this process (local) and servers (served). The layers
around each, from the outside in: the store's (recorded), how many calls are in flight (slots), what is asked again
(retry) within what may be spent (budget), each an engine (engine) that says what an attempt failed with (failures).
What a run's calls share: the loop that they run on (loop), on whose behalf each is made (turn), what they come to
(ledger), that the run was stopped (stop), and room for what it has open (open_files). What an answer says: DSPy's
adapters (adapters), what they read without DSPy (fields), the markers of its fields (markers), the thinking before them
(thinking), and what of it can be written (characters).
"""
