"""Annotation: from queries alone to PUPA's columns, with units that are proposed and that a person reviews.

One room per matter: the queries of a file (queries), a proposed unit and its place (proposals), the rules that propose
(rules) and the local model that does (local_model), the same asked about many queries at once (answers), what a person
decided and what of it counts (review), the file in which decisions survive a kill (review_file), the review at a
terminal (terminal), targets that a model writes (targets), the data set and how it was made (result), what of an
earlier one must stay (earlier), the command that brings them together (command), and what it is typed with (arguments).
"""
