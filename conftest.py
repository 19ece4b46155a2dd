"""Names the plugin behind the evaluation suites, nothing else."""

pytest_plugins = ["evals.harness.plugin"]
