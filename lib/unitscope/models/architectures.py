"""The embedded twins of the papers' networks, built from timm, torchvision and open_clip classes.

Stems are chosen so that the last stage of a 64 x 64 picture still has a map of 4 x 4 or more. Weights are random here;
`unitscope.models.load_model` fills them from the zoo, `unitscope.training` trains them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torchvision.models import AlexNet

from unitscope.data.critters import BACKGROUNDS, COLOURS, NAMES, PATTERNS
from unitscope.errors import UnitscopeError, unknown
from unitscope.models.generators.biggan import BigGAN
from unitscope.models.generators.photographs import PhotographGAN
from unitscope.models.generators.stylegan import StyleGAN

IMAGE_SIZE = 64
CLASSES = len(NAMES)

WORDS = (
    "a",
    "photo",
    "of",
    "facing",
    "left",
    "right",
    "on",
    "behind",
    "with",
    "its",
    "tongue",
    "out",
    *NAMES,
    *COLOURS,
    *PATTERNS,
    *BACKGROUNDS,
)
PAD, START, END = 0, 1, len(WORDS) + 2  # open_clip reads a text at its largest token: END
CONTEXT = 16


def critter_tokenize(texts: str | Sequence[str]) -> Tensor:
    """Texts to token numbers (n, 16), one word a token; the words are those of the critters' captions.

    Raises
    ------
    UnitscopeError
        For a word that no caption uses, or a text longer than 14 words.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    tokens = torch.full((len(texts), CONTEXT), PAD)
    for row, text in enumerate(texts):
        words = text.lower().replace(",", " ").replace(".", " ").split()
        if len(words) > CONTEXT - 2:
            raise UnitscopeError(f"a caption takes {CONTEXT - 2} words at most, got {len(words)}: {text!r}.")
        for word in words:
            if word not in WORDS:
                raise unknown(
                    "word", word, WORDS, "critters/clip_resnet knows the words of the critters' captions only."
                )
        numbers = [START, *(WORDS.index(word) + 2 for word in words), END]
        tokens[row, : len(numbers)] = torch.tensor(numbers)
    return tokens


def small_resnet(
    block: type[nn.Module], layers: Sequence[int], channels: Sequence[int], classes: int = CLASSES
) -> nn.Module:
    """A timm ResNet whose stem is one 3 x 3 convolution of stride 2 without pooling."""
    network = ResNet(block, tuple(layers), num_classes=classes, channels=tuple(channels))
    network.conv1 = narrow(3, network.conv1.out_channels, stride=2)
    network.maxpool = nn.Identity()
    return network


def cifar_resnet() -> nn.Module:
    """A slim timm bottleneck ResNet for 32 x 32 pictures: 256 channels in layer1, as ResNet-50 has, maps of 16, 8, 4
    and 4.

    Two 3 x 3 convolutions at full size and a pooling of 2 are the stem; layer4 is dilated instead of halved.
    """
    network = ResNet(Bottleneck, (1, 1, 2, 2), num_classes=10, channels=(64, 96, 128, 128), output_stride=16)
    network.conv1 = nn.Sequential(narrow(3, 32), nn.BatchNorm2d(32), nn.ReLU(inplace=True), narrow(32, 64))
    network.maxpool = nn.MaxPool2d(2)
    return network


def narrow(channels: int, out: int, stride: int = 1) -> nn.Conv2d:
    """A 3 x 3 convolution of a stem, its weights drawn as timm draws those of the blocks."""
    conv = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def small_vit(classes: int) -> nn.Module:
    """A timm ViT with 8 x 8 tokens of 8 pixels, six blocks of width 160; plain attention, twice as fast as fused in
    bf16 on a CPU.
    """
    network = VisionTransformer(
        img_size=IMAGE_SIZE,
        patch_size=8,
        embed_dim=160,
        depth=6,
        num_heads=5,
        num_classes=classes,
        dynamic_img_size=True,
    )
    for block in network.blocks:
        block.attn.fused_attn = False
    return network


def small_clip() -> nn.Module:
    """An open_clip CLIP: its modified ResNet without the stem's pooling (4 x 4 at the last stage), a two-block text
    tower.

    The attention pool is built for `image_size` / 32 positions a side, hence 128 for pictures of 64.
    """
    vision = CLIPVisionCfg(layers=(1, 2, 2, 1), width=16, image_size=2 * IMAGE_SIZE, head_width=32)
    text = CLIPTextCfg(context_length=CONTEXT, vocab_size=END + 1, width=128, heads=4, layers=2)
    network = CLIP(embed_dim=128, vision_cfg=vision, text_cfg=text)
    network.visual.avgpool = nn.Identity()
    return network


def small_alexnet() -> nn.Module:
    """torchvision's AlexNet with its own convolutions (so that LPIPS heads fit), a stem of stride 2 and a small
    classifier.
    """
    network = AlexNet(num_classes=CLASSES)
    network.features[0].stride = (2, 2)
    network.avgpool = nn.AdaptiveAvgPool2d(2)
    network.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(256 * 4, 128), nn.ReLU(), nn.Linear(128, CLASSES))
    return network


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "critters/resnet_s": partial(small_resnet, BasicBlock, (1, 1, 1, 1), (32, 64, 128, 256)),
    "critters/resnet": partial(small_resnet, BasicBlock, (2, 2, 2, 2), (32, 64, 128, 256)),
    "critters/resnet_l": partial(small_resnet, Bottleneck, (3, 4, 6, 3), (16, 32, 64, 128)),
    "critters/dino_resnet": partial(small_resnet, BasicBlock, (2, 2, 2, 2), (32, 64, 128, 256), 0),
    "critters/dino_vit": partial(small_vit, 0),
    "critters/mae_vit": partial(small_vit, 0),
    "critters/clip_resnet": small_clip,
    "critters/alexnet": small_alexnet,
    "cifar10/resnet": cifar_resnet,
}

GENERATORS: dict[str, Callable[[], nn.Module]] = {
    "critters/stylegan": StyleGAN,
    "critters/biggan": BigGAN,
    "imagenette/stylegan": PhotographGAN,
}


def build(name: str, seed: int = 0) -> nn.Module:
    """The network or generator `name` of the zoo with random weights, the same for the same seed.

    Raises
    ------
    UnitscopeError
        For a name that the zoo does not have.
    """
    known = {**ARCHITECTURES, **GENERATORS}
    if name not in known:
        raise unknown("zoo network", name, known)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return known[name]()
