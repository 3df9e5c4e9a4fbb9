"""The narrow networks of families.json as ONNX files, with their made-up weights: test/importers/onnx-training.slow.test.ts.

python onnx_training_peer.py < jobs      needs torch, torchvision and onnx
A job is a line of JSON: {"folder", "name"}. Each job writes kept.onnx, in which batch norm is a node of its own, and folded.onnx, in
which it is part of the convolution before it, as torch.onnx does by default; then it prints a line: nothing, or what went wrong.
"""

import pathlib
import warnings

import torch

from make_families import FAMILIES, narrowed
from make_training import trained_up
from peer_jobs import serve

warnings.filterwarnings("ignore")


def main(folder: pathlib.Path, name: str) -> None:
    model = narrowed(name)
    for key, value in model.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(trained_up(key, value))
    model.eval()
    size = FAMILIES[name][2]
    mode = torch.onnx.TrainingMode
    for file, training in ("kept.onnx", mode.PRESERVE), ("folded.onnx", mode.EVAL):
        torch.onnx.export(
            model, (torch.zeros(1, 3, size, size),), str(folder / file), dynamo=False, opset_version=17, training=training,
            do_constant_folding=training is mode.EVAL, input_names=["input"], output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )  # fmt: skip


if __name__ == "__main__":
    serve(main)
