"""`SetupSubcommand`, where the tutorial imports it from."""

from repro.setting_up import SetupSubcommand

__all__ = ["SetupSubcommand"]
