"""Golden pictures of test/images: Pillow's resize and torchvision's Resize + CenterCrop on made-up pixels.

Run in a Python with pillow and torchvision: python make_resize.py  (writes resize.json)
"""

import base64
import json
import pathlib

import PIL
import torchvision
from lcg import pixels
from PIL import Image
from torchvision import transforms

FILTERS = {name: Image.Resampling[name.upper()] for name in ("bilinear", "bicubic", "lanczos", "nearest")}


def encode(image: Image.Image) -> str:
    return base64.b64encode(image.tobytes()).decode()


resizes = []
for width, height, to_width, to_height in [
    (37, 53, 11, 17), (37, 53, 64, 70), (20, 20, 20, 9), (20, 20, 31, 20), (1, 1, 7, 5),
    (3, 90, 5, 8), (101, 2, 16, 16), (64, 48, 32, 24), (50, 40, 49, 41), (333, 7, 2, 3),
]:  # fmt: skip
    for name, code in FILTERS.items():
        if name in ("lanczos", "nearest") and to_width * to_height > 700:
            continue
        source = Image.fromarray(pixels(f"{width}x{height}", height, width))
        result = source.resize((to_width, to_height), code)
        resizes.append({"width": width, "height": height, "to": [to_width, to_height],
                        "interpolation": name, "data": encode(result)})  # fmt: skip

crops = []
for width, height, resize, size in [
    (60, 45, 32, 28), (45, 60, 32, 28), (61, 33, 25, 20), (33, 61, 24, 21), (40, 40, 16, 16),
    (500, 31, 20, 17), (30, 22, 12, 20), (17, 40, 9, 14), (375, 500, 29, 24), (8, 8, 31, 30),
]:  # fmt: skip
    for name in ("bilinear", "bicubic"):
        mode = transforms.InterpolationMode(name)
        pipeline = transforms.Compose([transforms.Resize(resize, mode), transforms.CenterCrop(size)])
        source = Image.fromarray(pixels(f"{width}x{height}", height, width))
        crops.append({"width": width, "height": height, "resize": resize, "size": size,
                      "interpolation": name, "data": encode(pipeline(source))})  # fmt: skip

golden = {"pillow": PIL.__version__, "torchvision": torchvision.__version__, "resizes": resizes, "crops": crops}
pathlib.Path(__file__).with_name("resize.json").write_text(json.dumps(golden, indent=1) + "\n")
