"""Networks in: vision models by name or by module, and the embedded zoo."""

from unitscope.models.layers import Layer
from unitscope.models.load import load_model
from unitscope.models.vision import VisionModel
from unitscope.models.zoo import list_zoo, verify

__all__ = ["Layer", "VisionModel", "list_zoo", "load_model", "verify"]
