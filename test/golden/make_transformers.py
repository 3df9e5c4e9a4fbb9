"""Golden answers of test/zoo/transformers.test.ts: small networks of the transformers library with made-up weights.

Run in a Python with torch and transformers: python make_transformers.py
"""

import json
import pathlib

import torch
import transformers
from lcg import pixels
from transformers_cases import CASES, build

SIDE = 67


@torch.no_grad()
def golden(name: str) -> dict:
    model = build(name)
    image = torch.from_numpy(pixels("network", SIDE, SIDE)).permute(2, 0, 1)[None].float()
    logits = model((image / 255 - 0.5) / 0.25).logits[0]
    print(name, logits.abs().max().item(), logits.std().item())
    config = {k: v for k, v in model.config.to_diff_dict().items() if k not in ("id2label", "label2id")}
    return {"config": config, "logits": [round(v, 7) for v in logits.double().tolist()]}


cases = {name: golden(name) for name in CASES}
versions = {"torch": torch.__version__, "transformers": transformers.__version__}
file = pathlib.Path(__file__).with_name("transformers.json")
file.write_text(json.dumps({**versions, "side": SIDE, "cases": cases}) + "\n")
