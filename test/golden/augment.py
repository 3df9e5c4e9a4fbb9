"""Golden pictures of test/images/augment: torchvision's functional operations on made-up PIL pictures.

Run in a Python with pillow and torchvision: python augment.py  (writes augment.json)
"""

import base64
import json
import math
import pathlib

import numpy as np
import PIL
import torch
import torchvision
from lcg import pixels
from PIL import Image
from torchvision.transforms import functional as F
from torchvision.transforms import autoaugment
from torchvision.transforms.functional import InterpolationMode as Mode

FILL = [124, 116, 104]


def encode(image: Image.Image) -> str:
    return base64.b64encode(image.tobytes()).decode()


def picture(name: str, width: int, height: int) -> Image.Image:
    """Noise, or noise in a few levels laid over a slope, whose histograms are not flat."""
    noise = np.asarray(pixels(name, height, width))
    if name.startswith("slope"):
        y, x = np.mgrid[0:height, 0:width]
        slope = np.stack([40 + 3 * x, 200 - 2 * y, 90 + x + y], axis=-1)
        noise = np.clip(slope + noise // 16, 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(noise))


PICTURES = [("noise", 11, 7), ("slope", 16, 11), ("slope2", 10, 10)]
cases = []


def add(operation: str, parameters: dict, run) -> None:
    for name, width, height in PICTURES:
        result = run(picture(name, width, height))
        cases.append({"operation": operation, "picture": [name, width, height],
                      "parameters": parameters, "data": encode(result)})  # fmt: skip


add("autocontrast", {}, F.autocontrast)
add("equalize", {}, F.equalize)
add("flip", {}, F.hflip)
for bits in (1, 4, 8):
    add("posterize", {"bits": bits}, lambda i: F.posterize(i, bits))
for threshold in (0.0, 76.5, 128.0, 255.0):
    add("solarize", {"threshold": threshold}, lambda i: F.solarize(i, threshold))
for factor in (0.0, 0.1, 0.55, 1.0, 1.33, 1.9, 3.0):
    add("brightness", {"factor": factor}, lambda i: F.adjust_brightness(i, factor))
    add("contrast", {"factor": factor}, lambda i: F.adjust_contrast(i, factor))
    add("saturation", {"factor": factor}, lambda i: F.adjust_saturation(i, factor))
    add("sharpness", {"factor": factor}, lambda i: F.adjust_sharpness(i, factor))
for turn in (-0.5, -0.21, 0.0, 0.004, 0.1, 0.37, 0.5):
    add("hue", {"turn": turn}, lambda i: F.adjust_hue(i, turn))
for interpolation in (Mode.NEAREST, Mode.BILINEAR):
    for fill in (None, FILL):
        how = {"interpolation": interpolation.value, "fill": fill}

        def sheared(i, degrees):
            return F.affine(i, 0.0, [0, 0], 1.0, degrees, interpolation, fill, center=[0, 0])

        for level in (-0.3, 0.05, 0.99):
            degrees = math.degrees(math.atan(level))
            add("shearX", {"strength": level, **how}, lambda i: sheared(i, [degrees, 0.0]))
            add("shearY", {"strength": level, **how}, lambda i: sheared(i, [0.0, degrees]))
        for by in (-3, 5):
            shift = lambda i, to: F.affine(i, 0.0, to, 1.0, [0.0, 0.0], interpolation, fill)  # noqa: E731
            add("translateX", {"strength": by, **how}, lambda i: shift(i, [by, 0]))
            add("translateY", {"strength": by, **how}, lambda i: shift(i, [0, by]))
        for degrees in (-30.0, 0.0, 7.0, 90.0, 135.0, 180.0):
            add("rotate", {"strength": degrees, **how}, lambda i: F.rotate(i, degrees, interpolation, fill=fill))
for top, left, height, width, size in ((0, 0, 7, 10, 12), (2, 3, 4, 5, 12), (1, 1, 6, 3, 5), (4, 4, 1, 1, 5)):
    for interpolation in (Mode.BILINEAR, Mode.BICUBIC):
        add("resizedCrop", {"part": {"top": top, "left": left, "height": height, "width": width},
                            "size": size, "interpolation": interpolation.value},
            lambda i: F.resized_crop(i, top, left, height, width, [size, size], interpolation))  # fmt: skip

spaces = {}
for name, policy in (
    ("randaugment", lambda: autoaugment.RandAugment()._augmentation_space(31, (200, 331))),
    ("trivial", lambda: autoaugment.TrivialAugmentWide()._augmentation_space(31)),
):
    spaces[name] = {
        operation: {"strengths": magnitudes.tolist() if magnitudes.ndim else [0.0] * 31, "signed": signed}
        for operation, (magnitudes, signed) in policy().items()
    }

golden = {"pillow": PIL.__version__, "torch": torch.__version__, "torchvision": torchvision.__version__,
          "cases": cases, "spaces": spaces}  # fmt: skip
text = "{\n" + ",\n".join(
    f'"{key}": ' + ("[\n" + ",\n".join(map(json.dumps, value)) + "\n]" if key == "cases" else json.dumps(value))
    for key, value in golden.items()
)
pathlib.Path(__file__).with_name("augment.json").write_text(text + "\n}\n")
