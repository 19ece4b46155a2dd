"""Profiles: which models, judge, data and gates a run uses, read from TOML and checked key by key.

One room per matter: what a profile says, with each key's type, bound and default (settings), the tables and files
that it stands in (files), one TOML table with its address (table), its models and judge (models), its gates (gates),
and the hosts that the user lets keys go to (keys). A profile is data: building models from it is papillon.models'
work, judging the gates the harness's.
"""

from papillon.profile.files import load_profile, parse_profile
from papillon.profile.keys import paired_hosts
from papillon.profile.settings import (
    CACHE,
    CALIBRATION_METRICS,
    GATE_METRICS,
    ROOT,
    GateSettings,
    JudgeSettings,
    ModelSettings,
    Profile,
    RecordMode,
    RegressionSettings,
)

__all__ = [
    "CACHE",
    "CALIBRATION_METRICS",
    "GATE_METRICS",
    "ROOT",
    "GateSettings",
    "JudgeSettings",
    "ModelSettings",
    "Profile",
    "RecordMode",
    "RegressionSettings",
    "load_profile",
    "paired_hosts",
    "parse_profile",
]
