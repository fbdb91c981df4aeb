"""Settings: one YAML file and the environment, read once at start. Nothing else in the gateway reads the environment."""

from gateway.config.loading import Environment, RefusedToStart, SettingsRefused, load, surroundings
from gateway.config.settings import Settings

__all__ = ["Environment", "RefusedToStart", "Settings", "SettingsRefused", "load", "surroundings"]
