"""People's labels: what persons say of a run's rows, kept without a text, and which of it counts for which run.

One room per matter: one label as a line of the file (label), the keyed hashes that tie it to a row's texts (hashing),
the file that is only ever added to (file), the random order in which rows are labelled (drawing), which labels count
for a run and what its rows come to by them (matching), what stands in a request whatever they tick (bounding), and how
far people agree (people). For the judge's own test: where labelled rows have their texts (texts), and the cases that
they make (cases).
"""
