"""The peer of the fine-tuning benchmarks: what a PyTorch user's script does with a folder of class folders, two loader workers, two
threads unless told otherwise, fp32.

    torch_finetune.py all FOLDER STEPS LAYOUT     pictures a second of SGD over all weights, end to end with augmentation, as JSON
    torch_finetune.py head TRAIN VAL              seconds of one epoch of a new head on the frozen network, train and val, as JSON

LAYOUT is nchw (PyTorch's default) or channels_last. ResNet-18; weights are random: time does not depend on them.
"""

import json
import os
import sys
import time

import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

torch.set_num_threads(int(os.environ.get("FINCH_BENCH_THREADS", "2")))
BATCH = 32
# Steps whose time does not count: workers start, kernels are chosen.
WARM = 2

NORMALIZE = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
AUGMENTED = transforms.Compose(
    [transforms.RandomResizedCrop(224, scale=(0.35, 1)), transforms.RandomHorizontalFlip(), *NORMALIZE]
)
MIDDLE = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *NORMALIZE])


def loader(folder, pipeline, shuffle):
    pictures = torchvision.datasets.ImageFolder(folder, pipeline)
    return DataLoader(pictures, batch_size=BATCH, shuffle=shuffle, num_workers=2), len(pictures.classes)


def train_all(folder, steps, layout):
    batches, classes = loader(folder, AUGMENTED, True)
    model = torchvision.models.resnet18(weights=None, num_classes=classes).train()
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    model = model.to(memory_format=memory_format)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    done = 0
    while done < steps + WARM:
        for x, target in batches:
            if len(x) < BATCH or done == steps + WARM:
                break
            if done == WARM:
                started = time.perf_counter()
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x.to(memory_format=memory_format)), target).backward()
            optimizer.step()
            done += 1
    print(json.dumps({"rate": steps * BATCH / (time.perf_counter() - started)}))


def train_head(train, val):
    batches, classes = loader(train, AUGMENTED, True)
    judged, _ = loader(val, MIDDLE, False)
    model = torchvision.models.resnet18(weights=None)
    model.requires_grad_(False)
    model.fc = nn.Linear(model.fc.in_features, classes)
    optimizer = torch.optim.Adam(model.fc.parameters(), lr=1e-3)
    started = time.perf_counter()
    model.train()
    for x, target in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()
    learnt = time.perf_counter()
    model.eval()
    with torch.inference_mode():
        for x, target in judged:
            (model(x).argmax(1) == target).sum().item()
    print(json.dumps({"train": learnt - started, "val": time.perf_counter() - learnt}))


if sys.argv[1] == "all":
    train_all(sys.argv[2], int(sys.argv[3]), sys.argv[4])
else:
    train_head(sys.argv[2], sys.argv[3])
