"""The peer of the GPU check: the same networks in PyTorch on the card. One job in a process, one line of JSON.

    torch_peer.py forward|training MODEL BATCH SIZE MODE    MODE: fp32, tf32 or bf16 (autocast), each with channels_last

The ResNets are written out here, for machines without torchvision; EfficientNet-Lite0 is skipped.
"""

import json
import sys
import time

try:
    import torch
    from torch import nn
except ImportError as error:
    print(json.dumps({"skipped": f"Python has no torch: {error}"}))
    sys.exit(0)


class Block(nn.Module):
    """A residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the channels at the end."""

    def __init__(self, inputs, width, stride, deep):
        super().__init__()
        outputs = 4 * width if deep else width
        plan = [(width, 1, 1), (width, 3, stride), (outputs, 1, 1)] if deep else [(width, 3, stride), (width, 3, 1)]
        parts, channels = [], inputs
        for index, (to, kernel, step) in enumerate(plan):
            parts += [nn.Conv2d(channels, to, kernel, step, kernel // 2, bias=False), nn.BatchNorm2d(to)]
            if index + 1 < len(plan):
                parts.append(nn.ReLU(inplace=True))
            channels = to
        self.body = nn.Sequential(*parts)
        changes = stride != 1 or inputs != outputs
        shortcut = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)] if changes else []
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet(depths, deep):
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, depth in enumerate(depths):
        width = 64 << stage
        for index in range(depth):
            layers.append(Block(channels, width, 2 if stage > 0 and index == 0 else 1, deep))
            channels = 4 * width if deep else width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


MODELS = {"resnet18": lambda: resnet([2, 2, 2, 2], False), "resnet101": lambda: resnet([3, 4, 23, 3], True)}


def main():
    job, name, batch, size, mode = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    if name not in MODELS:
        print(json.dumps({"skipped": f"{name} is not written out here"}))
        return
    if not torch.cuda.is_available():
        print(json.dumps({"skipped": f"torch {torch.__version__} sees no card"}))
        return
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.benchmark = True
    model = MODELS[name]().cuda().to(memory_format=torch.channels_last)
    pixels = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8).pin_memory()
    target = (torch.arange(batch) % 1000).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step():
        x = pixels.cuda(non_blocking=True).to(memory_format=torch.channels_last)
        x = (x.float() / 255 - 0.5) / 0.25
        with torch.autocast("cuda", torch.bfloat16, enabled=mode == "bf16"):
            if job == "forward":
                with torch.inference_mode():
                    return model.eval()(x).float().cpu()
            loss = nn.functional.cross_entropy(model.train()(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    times = []
    for _ in range(25):
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - started) * 1000)
    times = sorted(times[5:])
    peak = torch.cuda.max_memory_allocated() / 2**20
    device = torch.cuda.get_device_name()
    print(json.dumps({"milliseconds": times[len(times) // 2], "mebibytes": peak, "torch": torch.__version__, "device": device}))


main()
