"""Golden checkpoints of test/formats: small files as torch.save writes them, in both containers.

Run in a Python with torch: python make_torch_checkpoints.py  (writes torch/)
"""

import collections
import json
import os
import pathlib

import torch

OUT = pathlib.Path(__file__).with_name("torch")
torch.manual_seed(0)

base = torch.arange(24, dtype=torch.float32)
plain = collections.OrderedDict(
    {
        "conv.weight": torch.randn(4, 3, 2, 2),
        "half": torch.randn(5).half(),
        "brain": torch.randn(5).bfloat16(),
        "double": torch.randn(3, dtype=torch.float64),
        "count": torch.tensor(7),
        "int32": torch.tensor([-1, 2], dtype=torch.int32),
        "uint8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "transposed": torch.randn(3, 4).t(),
        "first_half": base[:12].view(3, 4),
        "every_other": base[1::2],
        "empty": torch.zeros(0, 3),
    }
)
module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.BatchNorm2d(2))
nested = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}, "best_acc": 71.25}


class CallsSystem:
    def __reduce__(self):
        return os.system, ("touch finch-was-here",)


def expected(state: dict) -> dict:
    return {k: {"shape": list(v.shape), "values": v.double().flatten().tolist()} for k, v in state.items()}


files = {"plain": plain, "metadata": module.state_dict(), "nested": nested}
OUT.mkdir(exist_ok=True)
for name, value in files.items():
    torch.save(value, OUT / f"{name}.zip.pth")
    torch.save(value, OUT / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
# The legacy container of a whole model carries the source of its classes, which is not ours to keep.
torch.save(module, OUT / "whole_model.zip.pth")
torch.save({"weight": CallsSystem()}, OUT / "calls_system.zip.pth")
torch.save({"weight": CallsSystem()}, OUT / "calls_system.legacy.pth", _use_new_zipfile_serialization=False)
values = {"plain": expected(plain), "metadata": expected(module.state_dict()), "nested": expected(module.state_dict())}
(OUT / "expected.json").write_text(json.dumps({"torch": torch.__version__, **values}, indent=1) + "\n")
