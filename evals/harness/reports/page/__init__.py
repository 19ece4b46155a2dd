"""The page: a run, or two beside each other, as one HTML file that needs nothing else; a view that decides nothing.

One room per matter: the file as it is written (writing), the frame around everything and what a browser may do in it
(frame), what of a run's result stands above its examples (overview), the figures and texts of its examples as data
(examples), the same of two runs (changes, pairs), and the pictures (pictures). Templates, style and script lie beside
them.
"""
