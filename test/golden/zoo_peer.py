"""Networks of torchvision, timm and Cadene with seeded random weights, their state dicts and logits: test/zoo/parity.slow.test.ts.

python zoo_peer.py < jobs
A job is a line of JSON: {"folder", "package", "name", "size", "photos", "count"}; the first `count` photos get logits. Each writes weights.pth, pixels.bin (uint8,
[N, SIZE, SIZE, 3]) and answer.json into its folder, then prints a line: nothing, or what went wrong.
"""

import json
import pathlib
import re

import numpy as np
import torch
from PIL import Image

from peer_jobs import serve

MEAN = torch.tensor([0.485, 0.456, 0.406])
STD = torch.tensor([0.229, 0.224, 0.225])
# Photos that are computed in float64 too.
EXACT = 2
# Networks that take blue, green, red.
BGR = {"bninception"}
# Heads that only helped a network's training.
AUXILIARY = re.compile(r"(aux\d|AuxLogits)\.")
# OverFeat has no port in PyTorch: filters, window, stride, padding, and the pooling that follows, from the paper's tables 1 and 3.
OVERFEAT = {
    "fast": [(96, 11, 4, 0, 2), (256, 5, 1, 0, 2), (512, 3, 1, 1, 1), (1024, 3, 1, 1, 1), (1024, 3, 1, 1, 2), (3072, 6, 1, 0, 1), (4096, 1, 1, 0, 1)],
    "accurate": [(96, 7, 2, 0, 3), (256, 7, 1, 0, 2), (512, 3, 1, 1, 1), (512, 3, 1, 1, 1), (1024, 3, 1, 1, 1), (1024, 3, 1, 1, 3), (4096, 5, 1, 0, 1), (4096, 1, 1, 0, 1)],
}


def overfeat(name: str) -> torch.nn.Module:
    layers, channels = [], 3
    for filters, window, stride, pad, pool in OVERFEAT[name]:
        layers += [torch.nn.Conv2d(channels, filters, window, stride, pad), torch.nn.ReLU(), torch.nn.MaxPool2d(pool, pool)]
        channels = filters
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(channels, 1000, 1), torch.nn.Flatten())


def build(package: str, name: str, **options) -> torch.nn.Module:
    if package == "efficientnet-lite-pytorch":
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_name(name)
    if package == "timm":
        import timm

        return timm.create_model(name, pretrained=False, **options)
    if package == "pretrainedmodels":
        import pretrainedmodels

        return pretrainedmodels.__dict__[name](num_classes=1000, pretrained=None)
    if package == "overfeat":
        return overfeat(name)
    import torchvision

    return torchvision.models.get_model(name, weights=None)


def randomise(model: torch.nn.Module) -> None:
    """Every weight, so that no branch is silent: some networks begin with a factor of 0 in each."""
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            torch.nn.init.kaiming_uniform_(weight)
        elif name.endswith("bias"):
            torch.nn.init.uniform_(weight, -0.1, 0.1)
        else:
            torch.nn.init.uniform_(weight, 0.5, 1.5)


def photo(file: str, size: int) -> np.ndarray:
    """The middle square."""
    image = Image.open(file).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(image.resize((size, size), Image.BILINEAR, (left, top, left + side, top + side)))


@torch.no_grad()
def take_statistics(model: torch.nn.Module, images: torch.Tensor) -> None:
    """Batch norm's, of these pictures; nothing else trains, so that nothing is dropped."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None
        norm.train()
    if norms:
        model(images)
    model.eval()


@torch.no_grad()
def main(folder: pathlib.Path, package: str, name: str, size: int, photos: list[str], count: int) -> None:
    pixels = np.stack([photo(file, size) for file in photos])
    images = ((torch.from_numpy(pixels).float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
    if name in BGR:
        images = images.flip(1)
    model = build(package, name).eval()
    randomise(model)
    take_statistics(model, images)
    logits = torch.cat([model(images[i : i + 1]) for i in range(count)])
    answer = {"logits": logits.double().tolist()}
    if package == "overfeat":
        np.concatenate([weight.numpy().ravel() for weight in model.parameters()]).tofile(folder / "weights.pth")
    else:
        torch.save(model.state_dict(), folder / "weights.pth")
    (folder / "pixels.bin").write_bytes(pixels.tobytes())
    own = [weight for key, weight in model.named_parameters() if not AUXILIARY.match(key)]
    answer["parameters"] = sum(weight.numel() for weight in own)
    # How far these very weights are from exact in float32: random weights can make a network's answer hang on rounding.
    exact = model.double()(images[: min(EXACT, count)].double())
    scale = exact.abs().amax(1, keepdim=True)
    answer["rounding"] = ((logits[: len(exact)].double() - exact).abs() / scale).max().item()
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    serve(main)
