"""What transformers itself makes of its folders: python transformers_peer.py FOLDER PICTURE... writes FOLDER/NAME for every case as
save_pretrained does, with a processor, and prints the probabilities of its pipeline as JSON: {name: [[of each class] of each picture]}."""

import json
import pathlib
import sys

import transformers as t
from PIL import Image
from transformers_cases import LABELS, build

PROCESSORS = {
    "resnet-basic": t.ConvNextImageProcessor(size={"shortest_edge": 72}, crop_pct=0.875),
    "resnet-bottleneck": t.ConvNextImageProcessor(size={"shortest_edge": 384}),
    "regnet-x": t.ViTImageProcessor(size={"height": 64, "width": 64}, image_mean=[0.485, 0.456, 0.406], image_std=[0.2, 0.3, 0.25]),
    "regnet-y": t.CLIPImageProcessor(size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64}),
    "convnext": t.ConvNextImageProcessor(size={"shortest_edge": 64}, resample=2),
    "convnext-unscaled": t.ViTImageProcessor(size={"height": 48, "width": 64}),
    "mobilenet_v1": t.MobileNetV1ImageProcessor(size={"shortest_edge": 80}, crop_size={"height": 71, "width": 71}),
    "mobilenet_v1-symmetric": t.MobileNetV1ImageProcessor(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}, do_normalize=False),
    "mobilenet_v2": t.MobileNetV2ImageProcessor(size={"shortest_edge": 80}, crop_size={"height": 64, "width": 64}),
    "mobilenet_v2-coarse": t.DeiTImageProcessor(size={"height": 73, "width": 73}, crop_size={"height": 64, "width": 64}),
    "efficientnet": t.EfficientNetImageProcessor(size={"height": 64, "width": 64}, image_std=[0.47, 0.48, 0.49]),
    "efficientnet-odd": t.EfficientNetImageProcessor(
        size={"height": 65, "width": 65}, resample=2, rescale_factor=1 / 127.5, rescale_offset=True, do_normalize=False, include_top=False
    ),
}
MULTI_LABEL = {"convnext", "regnet-y"}
# Small enough for several files.
SHARDS = {"resnet-bottleneck": "100KB", "efficientnet": "200KB"}

folder = pathlib.Path(sys.argv[1])
pictures = [Image.open(file).convert("RGB") for file in sys.argv[2:]]
answers = {}
for name, processor in PROCESSORS.items():
    model = build(name)
    if name in MULTI_LABEL:
        model.config.problem_type = "multi_label_classification"
    model.save_pretrained(folder / name, max_shard_size=SHARDS.get(name, "1GB"))
    processor.save_pretrained(folder / name)
    pipe = t.pipeline("image-classification", model=str(folder / name))
    of_each = [{row["label"]: row["score"] for row in pipe(picture, top_k=len(LABELS))} for picture in pictures]
    answers[name] = [[row[label] for label in LABELS] for row in of_each]
print(json.dumps(answers))
