"""The peer of the benchmarks: what a torchvision user's script does, in one process, on two threads unless told otherwise.

    torch_peer.py classify MODEL IMAGE        one picture from a cold start, top 3 printed
    torch_peer.py folder MODEL FOLDER         every picture of a folder, two loader workers, channels_last, batches of 16
    torch_peer.py folder-io MODEL FOLDER      the same, JPEGs opened by torchvision.io and resized as tensors
    torch_peer.py features MODEL FOLDER       the same, the classifier's input kept as one array
    torch_peer.py forward MODEL BATCH SIZE    milliseconds a picture of the network alone, as JSON

MODEL is a torchvision name, efficientnet_lite0 (package efficientnet-lite-pytorch), or a package and its name: "timm seresnet50".
Weights are random: time does not depend on them.
"""

import json
import os
import sys
import time

import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.io import ImageReadMode, decode_image

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "test", "golden"))
import zoo_peer

torch.set_num_threads(int(os.environ.get("FINCH_BENCH_THREADS", "2")))


def network(name):
    """Of a torchvision name or a package and its name. Without the heads that only help training: finch has none."""
    if name == "efficientnet_lite0":
        name = "efficientnet-lite-pytorch efficientnet-lite0"
    if name in ("torchvision inception_v3", "torchvision googlenet"):
        return torchvision.models.get_model(name.split()[1], weights=None, aux_logits=False, init_weights=False)
    return zoo_peer.build(*(name.split() if " " in name else ("torchvision", name)))


def build(name):
    model = network(name)
    lite = name == "efficientnet_lite0"
    mode = transforms.InterpolationMode.BICUBIC if lite else transforms.InterpolationMode.BILINEAR
    pipeline = transforms.Compose(
        [
            transforms.Resize(256, mode),
            transforms.CenterCrop(224),
            lambda image: transforms.functional.to_tensor(image) if isinstance(image, Image.Image) else image / 255,
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return model.eval().to(memory_format=torch.channels_last), pipeline


def opened(file):
    return Image.open(file).convert("RGB")


def opened_by_torchvision(file):
    return decode_image(file, ImageReadMode.RGB)


class Folder(Dataset):
    def __init__(self, folder, pipeline, opened):
        self.files = sorted(os.path.join(folder, name) for name in os.listdir(folder))
        self.pipeline = pipeline
        self.opened = opened

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.pipeline(self.opened(self.files[index]))


@torch.inference_mode()
def main():
    job, name, argument = sys.argv[1:4]
    model, pipeline = build(name)

    def run(batch):
        return model(batch.to(memory_format=torch.channels_last)).softmax(1).topk(3)

    if job == "classify":
        print(run(pipeline(opened(argument))[None]))
    elif job in ("folder", "folder-io"):
        reader = opened if job == "folder" else opened_by_torchvision
        started = time.perf_counter()
        count = 0
        for batch in DataLoader(Folder(argument, pipeline, reader), batch_size=16, num_workers=2):
            run(batch)
            count += len(batch)
        print(json.dumps({"count": count, "seconds": time.perf_counter() - started}))
    elif job == "features":
        if hasattr(model, "fc"):
            model.fc = torch.nn.Identity()
        else:
            model._fc = torch.nn.Identity()
        rows = []
        for batch in DataLoader(Folder(argument, pipeline, opened), batch_size=16, num_workers=2):
            rows.append(model(batch.to(memory_format=torch.channels_last)))
        print(json.dumps({"count": len(torch.cat(rows).numpy())}))
    elif job == "forward":
        size, side = int(argument), int(sys.argv[4])
        batch = torch.rand(size, 3, side, side)
        for _ in range(3):
            run(batch)
        times = []
        for _ in range(max(5, 32 // size)):
            started = time.perf_counter()
            run(batch)
            times.append((time.perf_counter() - started) * 1000 / size)
        print(json.dumps({"milliseconds": sorted(times)[len(times) // 2]}))


if __name__ == "__main__":
    main()
