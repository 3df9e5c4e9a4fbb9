"""Makes avgpool.npy: what PyTorch's ResNet-18 puts out at `avgpool` for the photos of imagenet-sample, by name, float16 [N,512].

    python test/golden/make_avgpool.py ../shared/data

Made with torch 2.15 and torchvision 0.29, weights/resnet18_imagenet_f16.safetensors in float32 arithmetic, torchvision's
preprocessing (Resize 256 bilinear antialiased, CenterCrop 224, ImageNet's mean and std).
"""

import os
import sys

import numpy
import torch
import torchvision
from PIL import Image
from torchvision import transforms


def read_safetensors(path):
    """name -> float32 tensor of a file that holds float16 alone."""
    import json
    import struct

    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    kinds = {"F16": numpy.float16, "F32": numpy.float32, "I64": numpy.int64}
    state = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        array = numpy.frombuffer(data[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
        state[name] = torch.from_numpy(array.astype(numpy.float32))
    return state


def main():
    root = sys.argv[1]
    model = torchvision.models.resnet18()
    state = read_safetensors(os.path.join(root, "weights", "resnet18_imagenet_f16.safetensors"))
    missing = model.load_state_dict(state, strict=False)
    assert all(name.endswith("num_batches_tracked") for name in missing.missing_keys), missing
    model.fc = torch.nn.Identity()
    model.eval()
    pipeline = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    folder = os.path.join(root, "imagenet-sample")
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith((".jpg", ".jpeg")))
    with torch.inference_mode():
        rows = [model(pipeline(Image.open(os.path.join(folder, name)).convert("RGB"))[None])[0] for name in names]
    golden = torch.stack(rows).numpy().astype(numpy.float16)
    numpy.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "avgpool.npy"), golden)
    print(golden.shape, torch.__version__, torchvision.__version__)


main()
