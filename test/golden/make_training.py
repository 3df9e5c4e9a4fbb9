"""Golden training steps of test/engine: five steps of whole networks in PyTorch, with made-up weights and pictures.

Run in a Python with torch, torchvision and efficientnet-lite-pytorch: python make_training.py  (writes training.json)
With names of networks alone, their runs are made and the others stay as they are in training.json.
With arguments, NETWORK OPTIMIZER RATE SIZE, one run is printed instead, at another size.
In float64, so that what is compared with is the truth and not another rounding of it. Losses are kept, and of each tensor after the last step its norm, its projection on a made-up direction, and three values.
"""

import contextlib
import json
import pathlib
import re
import sys

import numpy as np
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet
from lcg import fnv1a, made_up, pixels, uniforms
from torch import nn
from torch.nn import functional as F

CLASSES = 10
BATCH = 8
STEPS = 5


def trained_up(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Made-up weights, the last norm of a residual branch small; mirrored by test/helpers/training-golden.ts."""
    values = made_up(name, tuple(tensor.shape))
    return torch.from_numpy(values * np.float32(0.125) if LAST_OF_BRANCH.search(name) else values)


class DenseBlocks(nn.Module):
    """Concatenation, average pooling, norm before convolution: mirrored by test/helpers/training-networks.ts, as are the next four."""

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        channels = 16
        for i in range(4):
            setattr(self, f"norm{i}", nn.BatchNorm2d(channels))
            setattr(self, f"conv{i + 1}", nn.Conv2d(channels, 8, 3, 1, 1, bias=False))
            channels += 8
            if i == 1:
                self.transition = nn.Conv2d(channels, 16, 1, bias=True)
                channels = 16
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = self.conv0(x)
        for i in range(4):
            y = getattr(self, f"conv{i + 1}")(F.relu(getattr(self, f"norm{i}")(x)))
            x = torch.cat([x, y], 1)
            if i == 1:
                x = F.avg_pool2d(self.transition(x), 2)
        return self.fc(x.mean((2, 3)))


class SqueezeExcite(nn.Module):
    """SiLU, depthwise 5x5 at stride 2, squeeze-excite with a sigmoid gate, then hard-swish with a hard-sigmoid gate."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
        self.bn0 = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 5, 2, 2, groups=16, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.reduce1, self.expand1 = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.project = nn.Conv2d(16, 24, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(24)
        self.reduce2, self.expand2 = nn.Conv2d(24, 8, 1), nn.Conv2d(8, 24, 1)
        self.fc = nn.Linear(24, CLASSES)

    def forward(self, x):
        x = F.silu(self.bn0(self.stem(x)))
        x = F.silu(self.bn1(self.depthwise(x)))
        x = x * torch.sigmoid(self.expand1(F.silu(self.reduce1(x.mean((2, 3), keepdim=True)))))
        x = F.hardswish(self.bn2(self.project(x)))
        x = x * F.hardsigmoid(self.expand2(F.relu(self.reduce2(x.mean((2, 3), keepdim=True)))))
        return self.fc(x.mean((2, 3)))


class Grouped(nn.Module):
    """A ResNeXt block: grouped 3x3, stride 2 and dilation 2; overlapping max pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn0 = nn.BatchNorm2d(16)
        self.grouped1 = nn.Conv2d(16, 32, 3, 2, 1, groups=4, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.grouped2 = nn.Conv2d(32, 32, 3, 1, 2, dilation=2, groups=8, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.downsample = nn.Conv2d(16, 32, 1, 2, bias=False)
        self.fc = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn0(self.stem(x))), 3, 2, 1)
        y = F.relu(self.bn1(self.grouped1(x)))
        x = F.relu(self.bn2(self.grouped2(y)) + self.downsample(x))
        return self.fc(x.mean((2, 3)))


class ConvNext(nn.Module):
    """Layer norm over channels, linear layers at every place, GELU, a factor for each channel of the branch."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, 4)
        self.norm0 = nn.LayerNorm(32, eps=1e-6)
        for i in range(2):
            setattr(self, f"depthwise{i}", nn.Conv2d(32, 32, 7, 1, 3, groups=32))
            setattr(self, f"norm{i + 1}", nn.LayerNorm(32, eps=1e-6))
            setattr(self, f"expand{i}", nn.Linear(32, 64))
            setattr(self, f"reduce{i}", nn.Linear(64, 32))
            setattr(self, f"gamma{i}", nn.Conv2d(32, 32, 1, groups=32, bias=False))
        self.norm3 = nn.LayerNorm(32, eps=1e-6)
        self.fc = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = self.norm0(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for i in range(2):
            y = getattr(self, f"norm{i + 1}")(getattr(self, f"depthwise{i}")(x).permute(0, 2, 3, 1))
            y = getattr(self, f"reduce{i}")(F.gelu(getattr(self, f"expand{i}")(y)))
            x = x + getattr(self, f"gamma{i}")(y.permute(0, 3, 1, 2))
        return self.fc(self.norm3(x.mean((2, 3))))


class Shuffled(nn.Module):
    """Channels split, joined and shuffled; rectangular kernels; poolings with ceil_mode, of negative numbers, with zeros that
    count; a shift by one pixel; a branch times a number."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self.bn0 = nn.BatchNorm2d(32)
        self.point = nn.Conv2d(16, 16, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.wide = nn.Conv2d(32, 32, (1, 5), 1, (0, 2), bias=False)
        self.high = nn.Conv2d(32, 32, (5, 1), 1, (2, 0), bias=False)
        self.bn3 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn0(self.stem(x))), 3, 2, ceil_mode=True)
        left, right = x.chunk(2, 1)
        right = self.bn2(self.depthwise(F.relu(self.bn1(self.point(right)))))
        n, c, h, w = x.shape
        x = torch.cat([left, right], 1).view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = x + 0.3 * F.avg_pool2d(self.bn3(self.high(self.wide(x))), 3, 1, 1)
        x = F.max_pool2d(x, 3, 2, 1)
        x = F.relu(x + F.pad(x[:, :, 1:, 1:], (0, 1, 0, 1)))
        return self.fc(x.mean((2, 3)))


def build(name: str) -> nn.Module:
    if name == "efficientnet_lite0":
        model = EfficientNet.from_name("efficientnet-lite0")
        model._fc = nn.Linear(1280, CLASSES)
        model._dropout.p = 0.0
        model._global_params = model._global_params._replace(drop_connect_rate=0.0)
        return model
    made = {"dense_blocks": DenseBlocks, "squeeze_excite": SqueezeExcite, "grouped": Grouped, "convnext_blocks": ConvNext, "shuffled": Shuffled}
    return made[name]() if name in made else torchvision.models.get_model(name, weights=None, num_classes=CLASSES)


SIZES = {"resnet18": 64, "resnet50": 64, "efficientnet_lite0": 64, "dense_blocks": 16, "squeeze_excite": 32, "grouped": 32, "convnext_blocks": 32, "shuffled": 32}
OPTIMIZERS = {
    "sgd": lambda p, rate: torch.optim.SGD(p, lr=rate, momentum=0.9, weight_decay=1e-3),
    "adamw": lambda p, rate: torch.optim.AdamW(p, lr=rate, weight_decay=0.05),
}
RATES = {"sgd": 1e-2, "adamw": 1e-4}
# Deep networks with made-up weights double rounding errors in every step; at these rates float32 still tells the truth.
CAREFUL = {"resnet18": 0.01, "resnet50": 0.01, "efficientnet_lite0": 1e-3}
# So does a residual branch as strong as what it is added to: the last norm of a branch begins small, as training often has it.
LAST_OF_BRANCH = re.compile(r"(bn3|_bn2|f\.c\.1)\.weight$")


def picture(name: str, size: int) -> torch.Tensor:
    """Squares of 8 x 8 colours: pictures that differ in more than their noise, so that batch norm has something to divide by."""
    return torch.from_numpy(pixels(name, 8, 8)).repeat_interleave(size // 8, 0).repeat_interleave(size // 8, 1)


def fingerprint(name: str, tensor: torch.Tensor) -> list[float]:
    flat = tensor.detach().double().flatten()
    direction = torch.from_numpy(uniforms(fnv1a("direction " + name), flat.numel()) - 0.5)
    samples = [flat[int(i)] for i in (uniforms(fnv1a("sample " + name), 3) * flat.numel())]
    return [float(f"{v.item():.8g}") for v in [flat.norm(), flat @ direction, *samples]]


def take_steps(model: nn.Module, optimizer: str, rate: float, size: int, dtype: torch.dtype, is_reversed: bool = False) -> list[float]:
    """Trains on made-up pictures of this size, in the opposite order where asked. Returns the loss of each step."""
    pictures = [picture(f"training {i}", size) for i in range(BATCH)]
    x = (torch.stack(pictures).permute(0, 3, 1, 2).to(dtype) / 255 - 0.5) / 0.25
    y = torch.tensor([(7 * i + 3) % CLASSES for i in range(BATCH)])
    if is_reversed:
        x, y = x.flip(0), y.flip(0)
    stepper = OPTIMIZERS[optimizer]([p for p in model.parameters() if p.requires_grad], rate)
    losses = []
    for _ in range(STEPS):
        stepper.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        stepper.step()
        losses.append(loss.item())
    return losses


def train(name: str, optimizer: str, rate: float, frozen: bool = False, train_from: str | None = None, dtype=torch.float64) -> dict:
    model = build(name)
    state = model.state_dict()
    model.load_state_dict({k: v if k.endswith("num_batches_tracked") else trained_up(k, v) for k, v in state.items()})
    model.train().to(dtype)
    if frozen:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    if train_from:
        # Children in order: what comes before the named one is frozen, batch norm included.
        for child, module in model.named_children():
            if child == train_from:
                break
            module.eval().requires_grad_(False)
    losses = [float(f"{loss:.8g}") for loss in take_steps(model, optimizer, rate, SIZES[name], dtype)]
    tensors = {k: fingerprint(k, v) for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    print(name, optimizer, frozen, train_from, losses)
    return {"losses": losses, "tensors": tensors}


def main(names: list[str]) -> None:
    golden_file = pathlib.Path(__file__).with_name("training.json")
    cases = [{"network": n, "optimizer": o} for n in SIZES for o in OPTIMIZERS]
    for name, start in (("resnet18", "layer4"), ("efficientnet_lite0", "_conv_head")):
        cases.append({"network": name, "optimizer": "sgd", "frozen": True})
        cases.append({"network": name, "optimizer": "sgd", "trainFrom": start})
    # Runs that are not made again.
    runs = [r for r in json.loads(golden_file.read_text())["runs"] if r["network"] not in names] if names else []
    for c in (c for c in cases if not names or c["network"] in names):
        plain = c.get("frozen") or c.get("trainFrom")
        c["rate"] = RATES[c["optimizer"]] * (0.1 if plain else CAREFUL.get(c["network"], 1))
        arguments = (c["network"], c["optimizer"], c["rate"], c.get("frozen", False), c.get("trainFrom"))
        run = train(*arguments)
        single = train(*arguments, dtype=torch.float32)["losses"]
        # What float32 alone makes of it in PyTorch: nothing nearer can be asked of another implementation.
        off = float(f"{max(abs(a - b) / b for a, b in zip(single, run['losses'])):.2g}")
        print("  float32 is off by", off)
        runs.append({**c, **run, "float32": off})
    golden = {"torch": torch.__version__, "torchvision": torchvision.__version__, "batch": BATCH, "sizes": SIZES, "runs": runs}
    golden_file.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 5:
        network, optimizer, rate, size = sys.argv[1:]
        SIZES[network] = int(size)
        with contextlib.redirect_stdout(sys.stderr):
            run = train(network, optimizer, float(rate))
            single = train(network, optimizer, float(rate), dtype=torch.float32)["losses"]
        off = max(abs(a - b) / b for a, b in zip(single, run["losses"]))
        print(json.dumps({"network": network, "optimizer": optimizer, "rate": float(rate), "float32": off, **run}))
    else:
        main(sys.argv[1:])
