"""Networks of timm as ONNX files, and what Python makes of them: test/importers/opaque-timm.slow.test.ts.

python opaque_peer.py export NAME OPSET FOLDER    reads pixels.bin (uint8, [N,H,W,3]); writes network.onnx, logits.bin, features.bin
python opaque_peer.py run FILE FOLDER             reads pixels.bin; writes joined.bin: the output of a file in plain onnxruntime
python opaque_peer.py logistic STEM TRAIN         prints scikit-learn's accuracy on STEM.npy and STEM.csv; files with TRAIN in their path train
Needs torch, timm, onnx, onnxscript, onnxruntime and scikit-learn. Weights are seeded, not trained.
"""

import csv
import pathlib
import sys

import numpy as np

SIZE = 224


def pixels(folder: pathlib.Path) -> np.ndarray:
    return np.fromfile(folder / "pixels.bin", np.uint8).reshape(-1, SIZE, SIZE, 3)


def export(name: str, opset: int, folder: pathlib.Path) -> None:
    import timm
    import torch

    torch.manual_seed(1)
    model = timm.create_model(name, pretrained=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Norms and biases too: what is only added zero or multiplied by one tells nothing.
            parameter.add_(torch.randn_like(parameter) * 0.02)
        x = torch.from_numpy(pixels(folder)).permute(0, 3, 1, 2).float() / 255
        x = (x - 0.5) / 0.5
        features = model.forward_head(model.forward_features(x), pre_logits=True)
        features.numpy().astype("<f4").tofile(folder / "features.bin")
        model(x).numpy().astype("<f4").tofile(folder / "logits.bin")
    # The first exporter writes opsets up to 20, the second one those from 18.
    if opset < 18:
        axes = {"dynamic_axes": {"x": {0: "N"}, "logits": {0: "N"}}, "dynamo": False}
    else:
        axes = {"dynamic_shapes": {"x": {0: torch.export.Dim("N")}}, "dynamo": True, "external_data": False}
    torch.onnx.export(model, (x[:2],), str(folder / "network.onnx"), opset_version=opset, input_names=["x"], output_names=["logits"], **axes)


def run(file: str, folder: pathlib.Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    (value,) = session.run(None, {session.get_inputs()[0].name: pixels(folder)})
    value.astype("<f4").tofile(folder / "joined.bin")


def logistic(stem: str, part: str) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x = np.load(f"{stem}.npy")
    rows = list(csv.DictReader(open(f"{stem}.csv")))
    y = np.array([row["class"] for row in rows])
    train = np.array([part in row["file"] for row in rows])
    scaler = StandardScaler().fit(x[train])
    model = LogisticRegression(max_iter=5000).fit(scaler.transform(x[train]), y[train])
    print(model.score(scaler.transform(x[~train]), y[~train]))


command, *arguments = sys.argv[1:]
if command == "export":
    export(arguments[0], int(arguments[1]), pathlib.Path(arguments[2]))
elif command == "run":
    run(arguments[0], pathlib.Path(arguments[1]))
else:
    logistic(*arguments)
