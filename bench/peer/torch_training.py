"""The peer of the training benchmark: training steps in PyTorch, on two threads unless told otherwise, fp32.

    torch_training.py MODEL BATCH LAYOUT SIZE [VARIANT]    milliseconds a picture and peak memory in MiB, as JSON

MODEL is a torchvision name, or a package and its name: "timm seresnet50". LAYOUT is nchw (PyTorch's default) or channels_last. SIZE
is the side of the pictures. VARIANT is frozen (batch norm in eval mode) or the module to train from.
"""

import json
import os
import resource
import sys
import time

import torch
from torch import nn
from torch_peer import network

torch.set_num_threads(int(os.environ.get("FINCH_BENCH_THREADS", "2")))
STEPS = int(os.environ.get("FINCH_BENCH_STEPS", "5"))


def main():
    name, batch, layout, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    variant = sys.argv[5] if len(sys.argv) > 5 else None
    model = network(name).train()
    if variant == "frozen":
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    elif variant:
        for child, module in model.named_children():
            if child == variant:
                break
            module.eval().requires_grad_(False)
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    model = model.to(memory_format=memory_format)
    pixels = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    target = torch.arange(batch) % 1000
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)
    times = []
    for _ in range(STEPS + 1):
        started = time.perf_counter()
        x = ((pixels.float() / 255 - 0.5) / 0.25).to(memory_format=memory_format)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()
        times.append((time.perf_counter() - started) * 1000 / batch)
    times = sorted(times[1:])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"milliseconds": times[len(times) // 2], "mebibytes": memory}))


main()
