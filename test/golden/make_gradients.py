"""Golden losses and gradients of test/engine: losses, dropout's scale, kinks of activations and ties of maxima, in PyTorch.

Run in a Python with torch and torchvision: python make_gradients.py  (writes gradients.json)
In float64, from rows, pictures and weights that test/helpers/gradient-golden.ts makes up in the same way. Weights have finch's names
and order of axes (channel-last), and so have their gradients.
"""

import json
import pathlib

import numpy as np
import torch
import torchvision
from lcg import fnv1a, uniforms
from torch.nn import functional as F

COUNT, NUMBERS, CLASSES = 5, 8, 4
CHANNELS, SIDE, PICTURES = 16, 7, 2


def made_up(name: str, *shape: int) -> torch.Tensor:
    """As madeUpWeights of test/helpers/made-up-model.ts."""
    u = uniforms(fnv1a(name), int(np.prod(shape)))
    values = (2 * u - 1) * (3 / np.prod(shape[:-1])) ** 0.5 if name.endswith("kernel") else u - 0.5
    return torch.from_numpy(values.astype("float32").astype("float64")).reshape(shape).requires_grad_()


def classes(count: int) -> torch.Tensor:
    return torch.tensor([(3 * i + 1) % CLASSES for i in range(count)])


def rounded(tensor: torch.Tensor) -> list[float]:
    return [float(f"{v:.9g}") for v in tensor.detach().flatten().tolist()]


def answer(loss: torch.Tensor, weights: dict[str, torch.Tensor]) -> dict:
    loss.backward()
    return {"loss": rounded(loss)[0], "gradients": {name: rounded(w.grad) for name, w in weights.items()}}


def rows() -> torch.Tensor:
    values = 2 * uniforms(fnv1a("rows"), COUNT * NUMBERS) - 1
    return torch.from_numpy(values.astype("float32").astype("float64")).reshape(COUNT, NUMBERS)


def head(x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    weights = {"fc/kernel": made_up("fc/kernel", x.shape[1], CLASSES), "fc/bias": made_up("fc/bias", CLASSES)}
    return x @ weights["fc/kernel"] + weights["fc/bias"], weights


# Losses. `spec` is the loss as finch's TrainSpec has it.

SHARES = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0, 1, 0, 0], [0.25, 0.25, 0.25, 0.25], [0, 0, 0.5, 0.5], [0.4, 0.6, 0, 0]], dtype=torch.float64)
LABELS = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0.25, 1, 0], [1, 0, 0, 1]], dtype=torch.float64)
WEIGHTS = [0.5, 2.0, 1.0, 4.0]


def losses() -> list[dict]:
    cases = []
    for targets in ("classes", "shares"):
        y = classes(COUNT) if targets == "classes" else SHARES
        for smoothing in (0.0, 0.1, 0.4):
            for weights in (None, WEIGHTS):
                logits, learned = head(rows())
                weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
                loss = F.cross_entropy(logits, y, weight=weight, label_smoothing=smoothing)
                spec = {"kind": "cross-entropy", "labelSmoothing": smoothing, **({} if weights is None else {"classWeights": weights})}
                cases.append({"spec": spec, "targets": targets, "scale": 1, **answer(loss, learned)})
    # Logits of the last two scales are far in the flat ends: the logarithms' floor of -100 counts.
    for scale in (1, 30, 300):
        for weights in (None, WEIGHTS):
            logits, learned = head(scale * rows())
            weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
            loss = F.binary_cross_entropy_with_logits(logits, LABELS, pos_weight=weight)
            spec = {"kind": "bce-logits", **({} if weights is None else {"posWeight": weights})}
            cases.append({"spec": spec, "targets": "labels", "scale": scale, **answer(loss, learned)})
    logits, learned = head(rows())
    cases.append({"spec": {"kind": "bce"}, "targets": "labels", "scale": 1, **answer(F.binary_cross_entropy(torch.sigmoid(logits), LABELS), learned)})
    return cases


# Dropout. Which values are dropped is finch's own choice and is made here in the same way; what the others become is PyTorch's.


def mix(value: int) -> int:
    """MurmurHash3's finaliser, as in src/engine/training/masks.ts."""
    x = value & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return x ^ (x >> 16)


def kept(count: int, rate: float, seed: int) -> torch.Tensor:
    """1 where a value is kept in the first step by the first layer, else 0."""
    stream = mix(mix(mix(seed)))
    return torch.tensor([0.0 if mix(stream + i) < rate * 2**32 else 1.0 for i in range(count)], dtype=torch.float64)


def dropout() -> list[dict]:
    cases = []
    for rate in (0.1, 0.25, 0.5, 0.9):
        for per_sample in (False, True):
            # The scale of what is kept, from PyTorch's own dropout and stochastic depth.
            ones = torch.ones(1000, 1, dtype=torch.float64)
            dropped = torchvision.ops.stochastic_depth(ones, rate, "row") if per_sample else F.dropout(ones, rate)
            shape = (COUNT, 1) if per_sample else (COUNT, NUMBERS)
            mask = kept(int(np.prod(shape)), rate, seed=3).reshape(shape) * dropped.max()
            logits, learned = head(rows() * mask)
            cases.append({"rate": rate, "perSample": per_sample, **answer(F.cross_entropy(logits, classes(COUNT)), learned)})
    return cases


# Kinks: each channel of a picture has one of these values everywhere, from a bias or from a batch norm's shift.

VALUES = [-7.0, -3.5, -3.0, -2.75, -2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.5, 2.75, 3.0, 5.5, 6.0, 7.0]
ACTIVATIONS = {
    "relu": (F.relu, None),
    "relu6": (F.relu6, None),
    "leakyRelu": (lambda x: F.leaky_relu(x, 0.2), 0.2),
    "elu": (lambda x: F.elu(x, 0.7), 0.7),
    "hardSigmoidTorch": (F.hardsigmoid, None),
    "hardSwish": (F.hardswish, None),
    "sigmoid": (torch.sigmoid, None),
    "tanh": (torch.tanh, None),
    "swish": (F.silu, None),
    "gelu": (F.gelu, None),
}


def kinks() -> list[dict]:
    cases = []
    for name, (function, alpha) in ACTIVATIONS.items():
        values = torch.tensor(VALUES, dtype=torch.float64).requires_grad_()
        x = values.expand(PICTURES, SIDE * SIDE, CHANNELS)
        logits, learned = head(function(x).mean(1))
        case = {"activation": name, **({} if alpha is None else {"alpha": alpha})}
        cases.append({**case, **answer(F.cross_entropy(logits, classes(PICTURES)), {"values": values, **learned})})
    return cases


# Maxima over pictures of two colours, so that most windows have several equal ones.

POOLS = {
    "2x2 at stride 2": lambda x: F.max_pool2d(x, 2, 2),
    "3x3 at stride 2, padded": lambda x: F.max_pool2d(x, 3, 2, 1),
    "3x3 at stride 1": lambda x: F.max_pool2d(x, 3, 1),
    "all": lambda x: F.adaptive_max_pool2d(x, 1),
}


def pools() -> list[dict]:
    cases = []
    for name, pool in POOLS.items():
        bits = uniforms(fnv1a("two colours"), PICTURES * SIDE * SIDE * 3) < 0.5
        # Normalised by mean 0.5 and deviation 0.25, as HALF of made-up-model.ts.
        x = torch.from_numpy(np.where(bits, -2.0, 2.0)).reshape(PICTURES, SIDE, SIDE, 3)
        first = {"first/kernel": made_up("first/kernel", 1, 1, 3, CHANNELS), "first/bias": made_up("first/bias", CHANNELS)}
        y = F.relu(x @ first["first/kernel"][0, 0] + first["first/bias"])
        y = pool(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).flatten(1)
        logits, learned = head(y)
        cases.append({"pool": name, **answer(F.cross_entropy(logits, classes(PICTURES)), {**first, **learned})})
    return cases


torch.manual_seed(0)
golden = {
    "torch": torch.__version__,
    "torchvision": torchvision.__version__,
    "count": COUNT,
    "numbers": NUMBERS,
    "classes": CLASSES,
    "channels": CHANNELS,
    "side": SIDE,
    "pictures": PICTURES,
    "values": VALUES,
    "shares": rounded(SHARES),
    "labels": rounded(LABELS),
    "losses": losses(),
    "dropout": dropout(),
    "kinks": kinks(),
    "pools": pools(),
}
pathlib.Path(__file__).with_name("gradients.json").write_text(json.dumps(golden) + "\n")
