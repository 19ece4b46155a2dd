"""What a profile holds and how its TOML tables are read; :mod:`papillon.profile` is the way in."""
