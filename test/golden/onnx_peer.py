"""Networks of torchvision and timm with seeded random weights as ONNX files, and their logits: test/importers/onnx.slow.test.ts.

python onnx_peer.py < jobs      needs torch, torchvision, timm, onnx and onnxscript
A job is a line of JSON: {"folder", "package", "name", "size", "options", "photos", "exports"}; an export is {"file", "opset", "dynamo"}.
Each job writes the files, pixels.bin (uint8, [N,SIZE,SIZE,3]) and logits.json into its folder, then prints a line: nothing, or what went wrong.
"""

import json
import pathlib
import warnings

import numpy as np
import timm.layers
import torch

from peer_jobs import serve
from zoo_peer import MEAN, STD, build, photo, randomise, take_statistics

warnings.filterwarnings("ignore")
# Attention as products and a softmax: the operator that computes it whole has no counterpart before opset 14.
timm.layers.set_fused_attn(False)


def export(model: torch.nn.Module, images: torch.Tensor, file: str, opset: int, dynamo: bool) -> None:
    names = {"input_names": ["input"], "output_names": ["logits"], "opset_version": opset}
    if dynamo:
        batch = torch.export.Dim("batch")
        torch.onnx.export(model, (images[:2],), file, dynamo=True, external_data=False, dynamic_shapes=({0: batch},), verbose=False, **names)
    else:
        axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
        torch.onnx.export(model, (images[:1],), file, dynamo=False, dynamic_axes=axes, **names)


@torch.no_grad()
def main(folder: pathlib.Path, package: str, name: str, size: int, options: dict, photos: list[str], exports: list[dict]) -> None:
    pixels = np.stack([photo(file, size) for file in photos])
    (folder / "pixels.bin").write_bytes(pixels.tobytes())
    images = ((torch.from_numpy(pixels).float() / 255 - MEAN) / STD).permute(0, 3, 1, 2).contiguous()
    model = build(package, name, **options).eval()
    randomise(model)
    take_statistics(model, images)
    logits = torch.cat([model(images[i : i + 1]) for i in range(len(photos))])
    for each in exports:
        export(model, images, str(folder / each["file"]), each["opset"], each["dynamo"])
    exact = model.double()(images.double())
    rounding = ((logits.double() - exact).abs() / exact.abs().amax(1, keepdim=True)).amax(1).tolist()
    (folder / "logits.json").write_text(json.dumps({"logits": logits.double().tolist(), "rounding": rounding}))


if __name__ == "__main__":
    serve(main)
