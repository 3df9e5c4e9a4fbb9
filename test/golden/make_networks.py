"""Golden outputs of test/zoo: networks of torchvision and of efficientnet-lite-pytorch in PyTorch, with made-up weights.

Run in a Python with torch, torchvision and, for its network, efficientnet-lite-pytorch:
python make_networks.py            writes networks.json
python make_networks.py NAME...    writes these networks into it and keeps the others
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torchvision
from lcg import fnv1a, pixels, uniforms

SIZE = 64

# Layers at three depths besides the logits, by module name; torch's NCHW is stored channel-last.
NETWORKS = {
    "resnet18": ["maxpool", "layer2", "avgpool"],
    "resnet34": ["maxpool", "layer2", "avgpool"],
    "resnet50": ["maxpool", "layer2", "avgpool"],
    "resnet101": ["maxpool", "layer2", "avgpool"],
    "resnet152": ["maxpool", "layer2", "avgpool"],
    "resnext50_32x4d": ["maxpool", "layer2", "avgpool"],
    "resnext101_32x8d": ["maxpool", "layer2", "avgpool"],
    "efficientnet_lite0": ["_blocks.0", "_blocks.8", "_avg_pooling"],
}


def made_up(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Weights that keep activations near 1 through 150 layers; mirrored by test/helpers/made-up-weights.ts."""
    u = uniforms(fnv1a(name), tensor.numel())
    if tensor.dim() >= 2:
        values = (2 * u - 1) * np.sqrt(3 / tensor[0].numel())
    elif name.endswith("running_var"):
        values = 0.5 + u
    elif name.endswith(("running_mean", "bias")):
        values = 0.2 * u - 0.1
    else:
        values = 0.75 + 0.5 * u
    return torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape)


def build(name: str) -> torch.nn.Module:
    if name == "efficientnet_lite0":
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_name("efficientnet-lite0")
    return torchvision.models.get_model(name, weights=None)


@torch.no_grad()
def main() -> None:
    file = pathlib.Path(__file__).with_name("networks.json")
    names = sys.argv[1:] or NETWORKS
    networks = json.loads(file.read_text())["networks"] if sys.argv[1:] else {}
    image = torch.from_numpy(pixels("network", SIZE, SIZE)).permute(2, 0, 1)[None].float()
    x = (image / 255 - 0.5) / 0.25
    for name in names:
        layers = NETWORKS[name]
        model = build(name).eval()
        state = model.state_dict()
        model.load_state_dict({k: v if k.endswith("num_batches_tracked") else made_up(k, v) for k, v in state.items()})
        seen = {}
        modules = dict(model.named_modules())
        for layer in layers:
            modules[layer].register_forward_hook(lambda _m, _i, out, layer=layer: seen.__setitem__(layer, out))
        logits = model(x)[0]
        networks[name] = {
            "logits": [round(v, 7) for v in logits.double().tolist()],
            # The mean of each channel: enough to tell where a network first goes wrong.
            "layers": {k: [round(v, 7) for v in seen[k][0].double().mean((1, 2)).tolist()] for k in layers},
        }
        print(name, logits.abs().max().item(), logits.std().item())
    golden = {"torch": torch.__version__, "torchvision": torchvision.__version__, "size": SIZE, "networks": networks}
    file.write_text(json.dumps(golden) + "\n")


main()
