"""The harness behind the suites in ``evals/``: a pytest plugin, and under it a run that does not know pytest.

One room per matter. pytest's side: the hooks (plugin), the session (session) and its roles under pytest-xdist
(workers), which of them a signal stopped (stopped), what the command line names (command_line, marks) and sets
(option_group, options, option_values), what the items share (items) and report beside their outcome (properties), how
they ask (protocol), Ctrl-C (interrupt), what is shown meanwhile (progress), and whose texts are (showing).

A run: what could be done (plan), what of it pytest selected (selection) and what that takes (needs), doing it (run),
the rows that earlier runs left (row_cache), why rows have no score (causes), what people say of rows (labels) and
for which split that may be used (labelled_splits), and what the rows come to (split_verdicts).

What is left of it: the run as a value (run_result) with what a reader should know (remarks), its folder (leaving),
the files that were asked for (outputs), the page of a job (pull_request), accepted scores (accepting, baseline_files),
and what to type next (next_command). Later: the runs that left a folder (listing), some of them beside each
other (comparing), and either as a page (pages).

How a row comes about, what rows come to, what is shown of them, and training have folders of their own (evaluation,
verdicts, reports, training).
"""
