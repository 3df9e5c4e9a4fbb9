"""Small tokenizers and networks of the kinds that compare pictures with words: CLIP, SigLIP, SigLIP 2. Made-up weights, made-up corpus."""

import itertools

import torch
import transformers as t
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ADJECTIVES = "red blue green small large young old wet sleeping flying".split()
NOUNS = "robin sparrow finch wren owl cat dog house tree snow photo picture drawing 鸟 猫 雪 知更鸟".split()
CORPUS = [f"This is a photo of a {a} {n}." for a, n in itertools.product(ADJECTIVES, NOUNS)]
CORPUS += [f"{n}, it's {a}; don't {n} 12 {a}s!" for a, n in itertools.product(ADJECTIVES, NOUNS)]

CLIP_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
PUNCTUATION = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"


def clip_tokenizer() -> Tokenizer:
    end = "<|endoftext|>"
    tokenizer = Tokenizer(models.BPE(unk_token=end, continuing_subword_prefix="", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    split = pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=sorted(alphabet), end_of_word_suffix="</w>", show_progress=False,
                                  special_tokens=["<|startoftext|>", end])  # fmt: skip
    tokenizer.train_from_iterator(CORPUS, trainer)
    start_id, end_id = (tokenizer.token_to_id(token) for token in ("<|startoftext|>", end))
    tokenizer.post_processor = processors.RobertaProcessing((end, end_id), ("<|startoftext|>", start_id), add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def siglip_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(Regex(PUNCTUATION), ""), normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))])
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def gemma_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    byte_tokens = [f"<0x{i:02X}>" for i in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>", *byte_tokens], show_progress=False)
    tokenizer.train_from_iterator([line.lower() for line in CORPUS], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", tokenizer.token_to_id("<eos>"))])
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


TOKENIZERS = {"clip": clip_tokenizer, "siglip": siglip_tokenizer, "siglip2": gemma_tokenizer}
SPECIAL = {
    "clip": {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "model_max_length": 77},
    "siglip": {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>", "model_max_length": 64, "model_input_names": ["input_ids"]},
    "siglip2": {"eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>", "model_max_length": 64, "model_input_names": ["input_ids"]},
}
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
# Pictures are resized by Pillow, as finch resizes them; torchvision's filters round otherwise.
CLIP_PROCESSOR = t.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
SIGLIP_PROCESSOR = t.SiglipImageProcessorPil(size={"height": 32, "width": 32})
PROCESSORS = {"clip": CLIP_PROCESSOR, "siglip": SIGLIP_PROCESSOR, "siglip2": SIGLIP_PROCESSOR}


def fast_tokenizer(kind: str) -> t.PreTrainedTokenizerFast:
    return t.PreTrainedTokenizerFast(tokenizer_object=TOKENIZERS[kind](), **SPECIAL[kind])


def build(kind: str, tokenizer: t.PreTrainedTokenizerFast):
    """A network whose answers differ from picture to picture and from word to word."""
    torch.manual_seed(7)
    text = {**TEXT, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    if kind == "clip":
        text |= {"bos_token_id": tokenizer.bos_token_id, "max_position_embeddings": 77}
        model = t.CLIPModel(t.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=24, attn_implementation="eager"))
    else:
        text |= {"max_position_embeddings": 64, "projection_size": 32}
        model = t.SiglipModel(t.SiglipConfig(text_config=text, vision_config=VISION, attn_implementation="eager"))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.25)
        model.logit_scale.fill_(2.7)
        if kind != "clip":
            model.logit_bias.fill_(-3.5)
    return model.eval()
