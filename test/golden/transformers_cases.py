"""Small networks of the transformers library, one or two of each type that finch builds, with made-up weights."""

import torch
import transformers as t
from lcg import made_up

LABELS = ["robin", "sparrow", "finch", "tit", "wren"]

CASES = {
    "resnet-basic": (
        t.ResNetForImageClassification,
        t.ResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 32], depths=[1, 2, 1], layer_type="basic"),
    ),
    "resnet-bottleneck": (
        t.ResNetForImageClassification,
        t.ResNetConfig(
            embedding_size=16,
            hidden_sizes=[32, 64, 96, 128],
            depths=[2, 1, 2, 1],
            hidden_act="gelu",
            downsample_in_first_stage=True,
            downsample_in_bottleneck=True,
        ),
    ),
    "regnet-x": (
        t.RegNetForImageClassification,
        t.RegNetConfig(embedding_size=16, hidden_sizes=[24, 40, 64], depths=[1, 2, 1], groups_width=8, layer_type="x"),
    ),
    "regnet-y": (
        t.RegNetForImageClassification,
        t.RegNetConfig(embedding_size=10, hidden_sizes=[24, 40, 64], depths=[2, 1, 1], groups_width=8, hidden_act="silu"),
    ),
    "convnext": (
        t.ConvNextForImageClassification,
        t.ConvNextConfig(hidden_sizes=[16, 24, 40, 64], depths=[1, 2, 1, 1]),
    ),
    "convnext-unscaled": (
        t.ConvNextForImageClassification,
        t.ConvNextConfig(
            hidden_sizes=[16, 24], depths=[2, 1], num_stages=2, patch_size=2, hidden_act="relu", layer_scale_init_value=0.0
        ),
    ),
    "mobilenet_v1": (
        t.MobileNetV1ForImageClassification,
        t.MobileNetV1Config(depth_multiplier=0.25),
    ),
    "mobilenet_v1-symmetric": (
        t.MobileNetV1ForImageClassification,
        t.MobileNetV1Config(depth_multiplier=0.3, min_depth=12, tf_padding=False, hidden_act="relu"),
    ),
    "mobilenet_v2": (
        t.MobileNetV2ForImageClassification,
        t.MobileNetV2Config(depth_multiplier=0.35),
    ),
    "mobilenet_v2-coarse": (
        t.MobileNetV2ForImageClassification,
        t.MobileNetV2Config(
            depth_multiplier=0.3, depth_divisible_by=4, min_depth=4, expand_ratio=3.0, finegrained_output=False, tf_padding=False
        ),
    ),
    "efficientnet": (
        t.EfficientNetForImageClassification,
        t.EfficientNetConfig(width_coefficient=0.25, depth_coefficient=0.5, hidden_dim=320),
    ),
    "efficientnet-odd": (
        t.EfficientNetForImageClassification,
        t.EfficientNetConfig(
            width_coefficient=0.2,
            depth_coefficient=1.0,
            depth_divisor=4,
            hidden_dim=256,
            in_channels=[32, 32, 24],
            out_channels=[32, 24, 40],
            kernel_sizes=[3, 5, 3],
            strides=[1, 2, 2],
            num_block_repeats=[2, 2, 1],
            expand_ratios=[1, 6, 4],
            depthwise_padding=[2],
        ),
    ),
}


@torch.no_grad()
def build(name: str) -> torch.nn.Module:
    kind, config = CASES[name]
    config.num_labels = len(LABELS)
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {label: i for i, label in enumerate(LABELS)}
    model = kind(config).eval()
    for weight, tensor in model.state_dict().items():
        if not weight.endswith("num_batches_tracked"):
            tensor.copy_(torch.from_numpy(made_up(weight, tuple(tensor.shape))))
    return model
