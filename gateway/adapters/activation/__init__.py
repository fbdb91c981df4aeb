"""The activation folder (boundary.yaml, schemas/, policies/) loaded as one revision, or refused with everything that is wrong with it."""

from gateway.adapters.activation.building import standing_of
from gateway.adapters.activation.loading import ActivationRefused, load_activation
from gateway.declared.findings import Finding

__all__ = ["ActivationRefused", "Finding", "load_activation", "standing_of"]
