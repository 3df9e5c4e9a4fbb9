"""What transformers itself makes of networks that compare pictures with words: python words_peer.py FOLDER PICTURE... writes FOLDER/NAME
for every case as a hub has them, ONNX files of both halves, and prints as JSON, by name: `classes`, the answers of its pipeline
'zero-shot-image-classification' to `words`, a row of probabilities a picture; `similarities`, those of `queries` to each picture."""

import functools
import json
import pathlib
import sys

import torch
import transformers as t
from PIL import Image
from words_cases import PROCESSORS, build, fast_tokenizer

CLASSES = ["a robin", "a small owl", "neither", "一只知更鸟", "Snow & ICE, 100%", ("word " * 90).strip()]
QUERIES = ["a red bird on snow", "猫"]
# By name: the kind, and whether both halves are one file.
CASES = {
    "clip-one": ("clip", True),
    "clip-halves": ("clip", False),
    "siglip-one": ("siglip", True),
    "siglip-halves": ("siglip", False),
    "siglip2-one": ("siglip2", True),
}


class Half(torch.nn.Module):
    """The part of a model that `outputs` come from, with tensors in and tensors out."""

    def __init__(self, model, inputs, outputs):
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *tensors):
        found = self.model(**dict(zip(self.inputs, tensors)))
        return tuple(found[name] for name in self.outputs)


class Projected(torch.nn.Module):
    """What transformers calls CLIP…ModelWithProjection."""

    def __init__(self, model, projection, output):
        super().__init__()
        self.model, self.projection, self.output = model, projection, output

    def forward(self, **inputs):
        found = self.model(**inputs)
        return {self.output: self.projection(found.pooler_output), "last_hidden_state": found.last_hidden_state}


def export(file, model, inputs: dict, outputs: list[str]) -> None:
    file.parent.mkdir(exist_ok=True)
    axes = {name: {0: "batch", **({1: "length"} if tensor.ndim == 2 else {})} for name, tensor in inputs.items()}
    axes |= {name: {0: "batch"} for name in outputs}
    torch.onnx.export(Half(model, list(inputs), outputs).eval(), tuple(inputs.values()), str(file), input_names=list(inputs),
                      output_names=outputs, dynamic_axes=axes, opset_version=17, dynamo=False)  # fmt: skip


@torch.no_grad()
def make(name: str, folder: pathlib.Path, pictures) -> dict:
    kind, is_one = CASES[name]
    tokenizer, processor = fast_tokenizer(kind), PROCESSORS[kind]
    model = build(kind, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    length = {} if kind == "clip" else {"padding": "max_length", "max_length": 64}
    encoded = tokenizer(["a robin", "an owl"], return_tensors="pt", **({"padding": True} | length))
    texts = {"input_ids": encoded["input_ids"]} | ({"attention_mask": encoded["attention_mask"]} if kind == "clip" else {})
    pixels = {"pixel_values": torch.rand(2, 3, 32, 32)}
    if is_one:
        export(folder / "onnx" / "model.onnx", model, texts | pixels, ["logits_per_image", "logits_per_text", "text_embeds", "image_embeds"])
        (folder / "model.safetensors").unlink()
    elif kind == "clip":
        vision = Projected(model.vision_model, model.visual_projection, "image_embeds")
        text = Projected(model.text_model, model.text_projection, "text_embeds")
        export(folder / "onnx" / "vision_model.onnx", vision, pixels, ["image_embeds", "last_hidden_state"])
        export(folder / "onnx" / "text_model.onnx", text, {"input_ids": texts["input_ids"]}, ["text_embeds", "last_hidden_state"])
    else:
        export(folder / "onnx" / "vision_model.onnx", model.vision_model, pixels, ["last_hidden_state", "pooler_output"])
        export(folder / "onnx" / "text_model.onnx", model.text_model, texts, ["last_hidden_state", "pooler_output"])
    pipe = t.pipeline("zero-shot-image-classification", model=model, tokenizer=tokenizer, image_processor=processor)
    if kind == "clip":
        # The pipeline itself gives up on a text that is too long.
        pipe.tokenizer = functools.partial(tokenizer, truncation=True, max_length=77)
    rows = [{found["label"]: found["score"] for found in pipe(picture, candidate_labels=CLASSES)} for picture in pictures]
    queries = tokenizer(QUERIES, return_tensors="pt", **({"padding": True} | length))
    known = {name: tensor for name, tensor in queries.items() if name in texts}
    images = model.get_image_features(**processor(pictures, return_tensors="pt"))
    words = model.get_text_features(**known)
    unit = lambda found: torch.nn.functional.normalize(getattr(found, "pooler_output", found), dim=-1)  # noqa: E731
    return {
        "words": CLASSES,
        "queries": QUERIES,
        "classes": [[row[name] for name in CLASSES] for row in rows],
        "similarities": (unit(words) @ unit(images).T).tolist(),
    }


place = pathlib.Path(sys.argv[1])
pictures = [Image.open(file).convert("RGB") for file in sys.argv[2:]]
print(json.dumps({name: make(name, place / name, pictures) for name in CASES}))
