"""The peer of the benchmark of opaque networks: what a script with onnxruntime does, in one process with two workers that open pictures.

    onnx_peer.py export MODEL FOLDER      network.onnx, a classifier of timm's, and features.onnx, the same without its classifier
    onnx_peer.py features FILE FOLDER     every picture of a folder in batches of 16, the rows kept as one array

Needs onnxruntime, numpy and Pillow; the first also torch, timm and onnx. Weights are random: time does not depend on them.
"""

import json
import multiprocessing
import os
import sys

import numpy as np
from PIL import Image

SIZE, RESIZE, BATCH = 224, 256, 16


def export(name: str, folder: str) -> None:
    import timm
    import torch

    for file, options in ("network.onnx", {}), ("features.onnx", {"num_classes": 0}):
        model = timm.create_model(name, pretrained=False, **options).eval()
        axes = {"x": {0: "N"}, "y": {0: "N"}}
        pictures = torch.zeros(1, 3, SIZE, SIZE)
        torch.onnx.export(model, (pictures,), os.path.join(folder, file), dynamo=False, opset_version=17, input_names=["x"], output_names=["y"], dynamic_axes=axes)


def prepare(file: str) -> np.ndarray:
    image = Image.open(file).convert("RGB")
    scale = RESIZE / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)
    left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
    pixels = np.asarray(image.crop((left, top, left + SIZE, top + SIZE)), np.float32)
    return ((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1)


def features(file: str, folder: str) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("FINCH_BENCH_THREADS", "2"))
    files = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    rows, batch = [], []
    # The workers start before the session has threads of its own, which a fork would not have.
    with multiprocessing.Pool(2) as workers:
        session = onnxruntime.InferenceSession(file, options)
        name = session.get_inputs()[0].name
        for i, picture in enumerate(workers.imap(prepare, files, chunksize=4)):
            batch.append(picture)
            if len(batch) == BATCH or i == len(files) - 1:
                rows.append(session.run(None, {name: np.stack(batch)})[0])
                batch = []
    print(json.dumps({"count": len(np.concatenate(rows))}))


if __name__ == "__main__":
    {"export": export, "features": features}[sys.argv[1]](*sys.argv[2:])
