"""The study: its parts in their order (parts), running them within so many hours (``python -m docs.study``), the model
files that are here already (models), and the tables and pictures that their results come to (figures)."""
