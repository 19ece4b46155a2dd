"""Language models: engines that answer one request, and what bounds, repeats and records their calls."""
