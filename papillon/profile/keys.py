"""Keys: which variables the user has paired with which hosts, so that a stranger's profile may send them there."""

from __future__ import annotations

import os

from papillon.errors import ProfileError
from papillon.hosts import KEYS_TABLE, KEYS_VARIABLE, checked_pair, read_pairs
from papillon.profile.files import own_settings
from papillon.profile.models import names_a_variable

__all__ = ["paired_hosts"]


def paired_hosts() -> dict[str, list[str]]:
    """The hosts that the user has paired with each variable: in ``[tool.papillon.keys]`` and PAPILLON_KEY_HOSTS.

    Raises UsageError, without showing a value, for what pairs nothing.
    """
    pairs = read_pairs(os.environ.get(KEYS_VARIABLE, ""))
    if (keys := own_settings().table("keys")) is not None:
        for variable, hosts in keys.data.items():
            if not names_a_variable(variable):
                raise ProfileError(f"{KEYS_TABLE}: expected NAMES of environment variables, got another key.")
            where = f"{KEYS_TABLE}.{variable}"
            listed = hosts if isinstance(hosts, list) else [hosts]
            if not listed or not all(isinstance(host, str) for host in listed):
                raise ProfileError(f"{where}: expected a host, or a list of hosts, got something else.")
            pairs.setdefault(variable, []).extend(checked_pair(host, where, ProfileError) for host in listed)
    return pairs
