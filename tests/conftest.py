"""What all tests share: how hypothesis goes about its work on machines of any speed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is no failure: neither a slow example nor slowly drawn data says anything about the code.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
