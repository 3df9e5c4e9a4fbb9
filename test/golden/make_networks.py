"""Golden outputs of test/zoo: networks of torchvision, timm and others in PyTorch, with made-up weights.

Run in a Python with torch and the package that a network comes from:
python make_networks.py            writes networks/NAME.json for all
python make_networks.py NAME...    for these
"""

import importlib.metadata
import json
import pathlib
import sys

import torch
from lcg import made_up, pixels

# By finch's name: the package, its own name for the network, the side of the picture, and three layers at different depths by
# module name; torch's NCHW is stored channel-last.
NETWORKS = {
    "resnet18": ("torchvision", "resnet18", 64, ["maxpool", "layer2", "avgpool"]),
    "resnet34": ("torchvision", "resnet34", 64, ["maxpool", "layer2", "avgpool"]),
    "resnet50": ("torchvision", "resnet50", 64, ["maxpool", "layer2", "avgpool"]),
    "resnet101": ("torchvision", "resnet101", 64, ["maxpool", "layer2", "avgpool"]),
    "resnet152": ("torchvision", "resnet152", 64, ["maxpool", "layer2", "avgpool"]),
    "resnext50_32x4d": ("torchvision", "resnext50_32x4d", 64, ["maxpool", "layer2", "avgpool"]),
    "resnext101_32x8d": ("torchvision", "resnext101_32x8d", 64, ["maxpool", "layer2", "avgpool"]),
    "resnet18d": ("timm", "resnet18d", 64, ["maxpool", "layer2", "layer4"]),
    "seresnet50": ("timm", "seresnet50", 64, ["maxpool", "layer2", "layer4"]),
    "legacy_seresnet18": ("timm", "legacy_seresnet18", 64, ["pool0", "layer2", "layer4"]),
    "convnext_atto": ("timm", "convnext_atto", 64, ["stem.1", "stages.1", "stages.3"]),
    "shufflenet_v2_x0_5": ("torchvision", "shufflenet_v2_x0_5", 224, ["maxpool", "stage2", "stage4"]),
    "nasnetamobile": ("pretrainedmodels", "nasnetamobile", 64, ["cell_stem_1", "cell_3", "cell_15"]),
    "efficientnet_b0": ("torchvision", "efficientnet_b0", 64, ["features.2.1", "features.4.2", "avgpool"]),
    "mnasnet0_5": ("torchvision", "mnasnet0_5", 64, ["layers.8", "layers.10", "layers.16"]),
    "mobilenet_v2": ("torchvision", "mobilenet_v2", 64, ["features.3", "features.10", "features.18"]),
    "mobilenet_v3_small": ("torchvision", "mobilenet_v3_small", 64, ["features.3", "features.6", "avgpool"]),
    "regnet_y_400mf": ("torchvision", "regnet_y_400mf", 64, ["stem", "trunk_output.block2", "avgpool"]),
    "bninception": ("pretrainedmodels", "bninception", 224, ["pool2_3x3_s2", "inception_3c_relu_3x3", "inception_5b_pool"]),
    "densenet121": ("torchvision", "densenet121", 64, ["features.pool0", "features.transition2", "features.norm5"]),
    "googlenet": ("torchvision", "googlenet", 64, ["maxpool2", "inception4a", "avgpool"]),
    "inception_v3": ("torchvision", "inception_v3", 107, ["maxpool2", "Mixed_6b", "avgpool"]),
    "inception_v4": ("timm", "inception_v4", 107, ["features.3", "features.10", "features.21"]),
    "inception_resnet_v2": ("timm", "inception_resnet_v2", 107, ["mixed_5b", "mixed_6a", "conv2d_7b"]),
    "legacy_xception": ("timm", "legacy_xception", 64, ["block1", "block3", "act4"]),
    "squeezenet1_1": ("torchvision", "squeezenet1_1", 64, ["features.2", "features.7", "classifier.1"]),
    "xception41": ("timm", "xception41", 64, ["stem.1", "blocks.3", "blocks.12"]),
    "efficientnet_lite0": (
        "efficientnet-lite-pytorch",
        "efficientnet-lite0",
        64,
        ["_blocks.0", "_blocks.8", "_avg_pooling"],
    ),
}


def build(package: str, name: str) -> torch.nn.Module:
    if package == "efficientnet-lite-pytorch":
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_name(name)
    if package == "timm":
        import timm

        return timm.create_model(name, pretrained=False)
    if package == "pretrainedmodels":
        import pretrainedmodels

        model = pretrainedmodels.__dict__[name](num_classes=1000, pretrained=None)
        if name == "nasnetamobile":
            # Its own takes 7x7 places, no others.
            model.avg_pool = torch.nn.AdaptiveAvgPool2d(1)
        return model
    import torchvision

    return torchvision.models.get_model(name, weights=None)


@torch.no_grad()
def golden(name: str) -> dict:
    package, own_name, size, layers = NETWORKS[name]
    image = torch.from_numpy(pixels("network", size, size)).permute(2, 0, 1)[None].float()
    model = build(package, own_name).eval()
    for weight, tensor in model.state_dict().items():
        if not weight.endswith("num_batches_tracked"):
            tensor.copy_(torch.from_numpy(made_up(weight, tuple(tensor.shape))))
    seen = {}
    modules = dict(model.named_modules())
    for layer in layers:
        modules[layer].register_forward_hook(lambda _m, _i, out, layer=layer: seen.__setitem__(layer, out))
    logits = model((image / 255 - 0.5) / 0.25)[0]
    print(name, logits.abs().max().item(), logits.std().item())
    return {
        "torch": torch.__version__,
        "from": f"{package} {importlib.metadata.version(package)}",
        "size": size,
        "logits": [round(v, 7) for v in logits.double().tolist()],
        # The mean of each channel: enough to tell where a network first goes wrong.
        "layers": {k: [round(v, 7) for v in seen[k][0].double().mean((1, 2)).tolist()] for k in layers},
    }


folder = pathlib.Path(__file__).with_name("networks")
for name in sys.argv[1:] or NETWORKS:
    (folder / f"{name}.json").write_text(json.dumps(golden(name)) + "\n")
