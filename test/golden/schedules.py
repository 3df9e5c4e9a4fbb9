"""Golden learning rates of test/train/schedule.test.ts: PyTorch's lr_scheduler.

Run in a Python with torch: python schedules.py  (writes schedules.json)
"""

import json
import pathlib
import warnings

import torch
from torch.optim import lr_scheduler as L

warnings.filterwarnings("ignore")
EPOCHS, STEPS = 12, 5


def optimizer(rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def rates(make, rate: float, count: int, feed=None) -> list[float]:
    o = optimizer(rate)
    schedule = make(o)
    result = []
    for i in range(count):
        result.append(o.param_groups[0]["lr"])
        o.step()
        schedule.step(*([feed[i]] if feed else []))
    return result


LOSSES = [3, 2.5, 2.4, 2.45, 2.41, 2.4, 2.39999, 2.2, 2.3, 2.3, 2.3, 2.3]
golden = {
    "torch": torch.__version__, "epochs": EPOCHS, "stepsPerEpoch": STEPS, "losses": LOSSES,
    "perEpoch": {
        "constant": rates(lambda o: L.ConstantLR(o, 1.0), 0.1, EPOCHS),
        "step": rates(lambda o: L.StepLR(o, 2, 0.9), 0.001, EPOCHS),
        "exponential": rates(lambda o: L.ExponentialLR(o, 0.8), 0.1, EPOCHS),
        "cosine": rates(lambda o: L.CosineAnnealingLR(o, EPOCHS, 0.001), 0.1, EPOCHS),
        "plateau": rates(lambda o: L.ReduceLROnPlateau(o, factor=0.5, patience=2), 0.1, EPOCHS, LOSSES),
    },
    "perStep": {
        "cosine": rates(lambda o: L.CosineAnnealingLR(o, EPOCHS * STEPS, 0.0), 0.1, EPOCHS * STEPS),
        "onecycle": rates(lambda o: L.OneCycleLR(o, 0.1, total_steps=EPOCHS * STEPS), 0.1, EPOCHS * STEPS),
        "warmup": rates(lambda o: L.SequentialLR(o, [
            L.LinearLR(o, 1 / (2 * STEPS), 1.0, 2 * STEPS - 1),
            L.CosineAnnealingLR(o, (EPOCHS - 2) * STEPS)], [2 * STEPS]), 0.1, EPOCHS * STEPS),
    },
}  # fmt: skip
pathlib.Path(__file__).with_name("schedules.json").write_text(json.dumps(golden, indent=1) + "\n")
