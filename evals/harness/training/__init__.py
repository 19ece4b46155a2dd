"""Training under pytest: the suite itself (suite), the gate on its gain (gain), two programs scored (improvement), and
prompt optimisation between two such scorings (optimizing)."""
