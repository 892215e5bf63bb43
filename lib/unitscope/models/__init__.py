"""Networks in: vision models by name or by module, generators, and the embedded zoo."""

from unitscope.models.generators.contract import Generator
from unitscope.models.generators.generated import Generated
from unitscope.models.generators.load import load_generator
from unitscope.models.layers import Layer
from unitscope.models.load import load_model
from unitscope.models.vision import VisionModel
from unitscope.models.zoo import list_zoo, verify

__all__ = ["Generated", "Generator", "Layer", "VisionModel", "list_zoo", "load_generator", "load_model", "verify"]
