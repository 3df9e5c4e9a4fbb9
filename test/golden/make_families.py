"""Golden training steps of test/zoo: five steps of a network of each family in PyTorch, narrow, with made-up weights and pictures.

Run in a Python with torch, torchvision, timm, pretrainedmodels and efficientnet-lite-pytorch:
python make_families.py            writes families.json for all
python make_families.py NAME...    makes these again
In float64. A network has all its layers and a part of its channels; test/helpers/narrowed.ts does the same to finch's graph.
Losses are kept, and how far each tensor moved: the norm, the projection on a made-up direction, and how far PyTorch's own float32
is from both, in the order of the sorted names, of which a hash is kept. PyTorch's own float32 error is the largest of the pictures in
their order and in the opposite one: it is the rounding of sums, which every implementation does in an order of its own.
"""

import json
import pathlib
import sys

import torch
import torchvision
from lcg import fnv1a, uniforms
from make_training import BATCH, CLASSES, take_steps, trained_up
from torch import nn
from zoo_peer import build

# By finch's name: the package and its name of the network, the side of the pictures, and the part of the channels that is left.
FAMILIES = {
    "alexnet": ("torchvision", "alexnet", 128, 8),
    "vgg11": ("torchvision", "vgg11", 64, 8),
    "vgg11_bn": ("torchvision", "vgg11_bn", 64, 4),
    "googlenet": ("torchvision", "googlenet", 64, 4),
    "bninception": ("pretrainedmodels", "bninception", 96, 4),
    "inception_v3": ("torchvision", "inception_v3", 112, 4),
    "inception_v4": ("timm", "inception_v4", 112, 4),
    "inception_resnet_v2": ("timm", "inception_resnet_v2", 112, 4),
    "legacy_xception": ("timm", "legacy_xception", 64, 4),
    "xception41": ("timm", "xception41", 64, 4),
    "resnet18": ("torchvision", "resnet18", 64, 4),
    "resnet18d": ("timm", "resnet18d", 64, 4),
    "resnext50_32x4d": ("torchvision", "resnext50_32x4d", 64, 2),
    "wide_resnet50_2": ("torchvision", "wide_resnet50_2", 64, 4),
    "seresnet50": ("timm", "seresnet50", 64, 4),
    "legacy_seresnext50_32x4d": ("timm", "legacy_seresnext50_32x4d", 64, 2),
    "densenet121": ("torchvision", "densenet121", 64, 4),
    "nasnetamobile": ("pretrainedmodels", "nasnetamobile", 64, 2),
    "pnasnet5large": ("timm", "pnasnet5large", 64, 6),
    "mnasnet0_5": ("torchvision", "mnasnet0_5", 64, 2),
    "semnasnet_075": ("timm", "semnasnet_075", 64, 2),
    "mobilenet_v2": ("torchvision", "mobilenet_v2", 64, 2),
    "mobilenet_v3_small": ("torchvision", "mobilenet_v3_small", 64, 2),
    "mobilenetv3_small_050": ("timm", "mobilenetv3_small_050", 64, 2),
    "efficientnet_b0": ("torchvision", "efficientnet_b0", 64, 2),
    "tf_efficientnet_b0": ("timm", "tf_efficientnet_b0", 64, 2),
    "efficientnet_v2_s": ("torchvision", "efficientnet_v2_s", 64, 4),
    "efficientnet_lite0": ("efficientnet-lite-pytorch", "efficientnet-lite0", 64, 2),
    "squeezenet1_1": ("torchvision", "squeezenet1_1", 64, 4),
    "shufflenet_v2_x0_5": ("torchvision", "shufflenet_v2_x0_5", 64, 2),
    "regnet_y_400mf": ("torchvision", "regnet_y_400mf", 64, 4),
    "convnext_tiny": ("torchvision", "convnext_tiny", 64, 6),
}
# Networks in which batches' statistics make so much of every rounding that float32 is no measure: batch norm keeps the network's own
# statistics, as in finch's default recipe. Their kernels are larger by so much, or ReLUs would leave nothing of the picture.
FROZEN = {"inception_v3": 1.4140625, "inception_v4": 1.4140625, "pnasnet5large": 1.0}
RATES = (1e-4, 1e-5, 1e-6)
# Where a step goes over the corner of a ReLU, two float32 computations part, and nothing but a smaller step avoids it.
ROUGH = {"inception_v3"}
# Deep networks with made-up weights double rounding errors in every step: the first rate at which float32 is not further off is taken.
OFF = 3e-5


def resized(module: nn.Module, name: str, shape: tuple[int, ...]) -> None:
    old = getattr(module, name)
    if old is None:
        return
    new = torch.zeros(shape)
    setattr(module, name, nn.Parameter(new) if isinstance(old, nn.Parameter) else new)


def narrow(model: nn.Module, share: int, size: int) -> None:
    """Every layer puts out a part of its channels, and takes what comes."""
    last = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))][-1]

    def fit(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0]
        if isinstance(module, nn.Conv2d):
            is_depthwise = module.groups == module.in_channels > 1
            module.in_channels = x.shape[1]
            module.out_channels = x.shape[1] if is_depthwise else CLASSES if module is last else max(1, module.out_channels // share)
            if is_depthwise:
                module.groups = x.shape[1]
            resized(module, "weight", (module.out_channels, module.in_channels // module.groups, *module.kernel_size))
            resized(module, "bias", (module.out_channels,))
        elif isinstance(module, nn.Linear):
            module.in_features = x.shape[-1]
            module.out_features = CLASSES if module is last else max(1, module.out_features // share)
            resized(module, "weight", (module.out_features, module.in_features))
            resized(module, "bias", (module.out_features,))
        elif isinstance(module, nn.BatchNorm2d):
            module.num_features = x.shape[1]
            for name in ("weight", "bias", "running_mean", "running_var"):
                resized(module, name, (x.shape[1],))
        elif isinstance(module, nn.LayerNorm):
            # torchvision's LayerNorm2d takes pictures.
            channels = x.shape[1] if x.dim() == 4 and type(module) is not nn.LayerNorm else x.shape[-1]
            module.normalized_shape = (channels,)
            for name in ("weight", "bias"):
                resized(module, name, (channels,))
        elif isinstance(getattr(module, "layer_scale", None), nn.Parameter):
            resized(module, "layer_scale", (x.shape[1], 1, 1))

    hooks = [module.register_forward_pre_hook(fit) for module in model.modules()]
    with torch.no_grad():
        model(torch.zeros(2, 3, size, size))
    for hook in hooks:
        hook.remove()


def narrowed(name: str) -> nn.Module:
    package, own_name, size, share = FAMILIES[name]
    # Their usual start takes a minute, and is written over.
    is_slow = own_name in ("googlenet", "inception_v3")
    model = torchvision.models.get_model(own_name, weights=None, init_weights=False) if is_slow else build(package, own_name)
    for attribute in ("aux1", "aux2", "AuxLogits"):
        if hasattr(model, attribute):
            setattr(model, attribute, None)
    for attribute in ("aux_logits", "transform_input"):
        if hasattr(model, attribute):
            setattr(model, attribute, False)
    if package == "pretrainedmodels":
        # Theirs take 7x7 places, no others.
        name_of_pool = "avg_pool" if own_name == "nasnetamobile" else "global_pool"
        setattr(model, name_of_pool, nn.AdaptiveAvgPool2d(1))
    if package == "efficientnet-lite-pytorch":
        model._global_params = model._global_params._replace(drop_connect_rate=0.0)
    if own_name.startswith("tf_"):
        # timm leaves torch's momentum beside TensorFlow's epsilon; finch has both as TensorFlow does.
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.01
    for module in model.modules():
        # Nothing is dropped: Dropout, and stochastic depth under its several names.
        for attribute in ("p", "drop_prob", "drop_path_rate", "drop_rate"):
            if isinstance(getattr(module, attribute, None), float):
                setattr(module, attribute, 0.0)
    narrow(model.train(), share, size)
    return model


def train(name: str, optimizer: str, rate: float, dtype: torch.dtype, is_reversed: bool = False) -> tuple[list[float], dict[str, torch.Tensor]]:
    model = narrowed(name)
    for key, value in model.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            is_scaled = value.dim() == 4 and value.shape[1] > 1
            value.copy_(trained_up(key, value) * (FROZEN.get(name, 1) if is_scaled else 1))
    model.train().to(dtype)
    if name in FROZEN:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    before = {k: v.double().clone() for k, v in model.state_dict().items()}
    losses = take_steps(model, optimizer, rate, FAMILIES[name][2], dtype, is_reversed)
    after = {k: v.double() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    return losses, {k: (v - before[k]).flatten() for k, v in after.items()}


def golden(name: str, optimizer: str) -> dict:
    for rate in (1e-3, *RATES) if name in FROZEN and name not in ROUGH else RATES:
        losses, moved = train(name, optimizer, rate, torch.float64)
        singles = [train(name, optimizer, rate, torch.float32, is_reversed) for is_reversed in (False, True)]
        off = max(abs(a - b) / b for single, _ in singles for a, b in zip(single, losses))
        print(name, optimizer, rate, "float32 is off by", off, losses)
        if off < OFF:
            break
    tensors = []
    for key in sorted(moved):
        move = moved[key]
        direction = torch.from_numpy(uniforms(fnv1a("direction " + key), move.numel()) - 0.5)
        difference = max((single[key] - move).norm() for _, single in singles)
        tensors.append([float(f"{move.norm():.4g}"), float(f"{move @ direction:.4g}"), float(f"{difference:.1g}")])
    _, _, size, share = FAMILIES[name]
    return {
        "network": name,
        "size": size,
        "share": share,
        "optimizer": optimizer,
        "rate": rate,
        **({"frozen": FROZEN[name]} if name in FROZEN else {}),
        "float32": float(f"{off:.2g}"),
        "losses": [float(f"{loss:.8g}") for loss in losses],
        "names": fnv1a("\n".join(sorted(moved))),
        "tensors": tensors,
    }


def main(names: list[str]) -> None:
    file = pathlib.Path(__file__).with_name("families.json")
    runs = {run["network"]: run for run in json.loads(file.read_text())["runs"]} if names else {}
    for name in names or FAMILIES:
        print(name, flush=True)
        runs[name] = golden(name, "sgd")
        lines = ",\n".join(json.dumps(runs[name], separators=(",", ":")) for name in FAMILIES if name in runs)
        file.write_text(f'{{"torch":"{torch.__version__}","batch":{BATCH},"runs":[\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(sys.argv[1:])
