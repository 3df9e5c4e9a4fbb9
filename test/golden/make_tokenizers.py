"""Golden of test/tokenizer: three small tokenizers and what the library tokenizers makes of odd texts with them.

Run in a Python with torch, transformers and tokenizers: python make_tokenizers.py
"""

import json
import pathlib
import random

import tokenizers
from words_cases import CORPUS, TOKENIZERS

ODD = [
    "", " ", "   ", "a", "A", "\n", "\t", "\r\n", "\0", "\x01\x02", "\x7f", "\u200b", "\ufeff", "\u00a0", "a\u00a0b", "a\u3000b", "a\tb\nc",
    "a robin", "A ROBIN", "  a  robin  ", "a robin,", "a robin's nest", "don't", "DON'T", "it's 12:30", "1234567890", "3.14", "-5 °C", "100%", "a/b\\c",
    "This is a photo of a robin.", "This is a photo of a .", "e-mail: a@b.c", "#tag", "$5 & €3", "¿qué?", "naïve café", "nai\u0308ve cafe\u0301",
    "ﬁne ligature", "ＦＵＬＬ ｗｉｄｔｈ", "①②③", "½", "Ⅻ", "İstanbul", "ıI", "ẞ straße", "ΣΊΣΥΦΟΣ", "Привет, мир", "שלום", "مرحبا", "नमस्ते", "สวัสดี", "한국어", "日本語のテキスト",
    "鸟", "一只知更鸟", "雪地上的红色小鸟", "猫，狗。", "「鸟」", "𠮷野家", "👍", "👩‍👩‍👧", "🏳️‍🌈", "a👍b", "🐦 on ❄️", "e\u0301\u0302\u0303", "\u0301", "a\u200db", "\u202eabc",
    "<|endoftext|>", "a <|startoftext|> b", "</s>", "<pad>", "<unk>", "a</s>b", "<0x41>", "▁", "a▁b", "Ġ", "</w>", "a</w>", "[CLS]", "{}", "{{}}",
    "word " * 60, "x" * 300, "鸟" * 200, "👍" * 40, "a." * 90, "ab" * 150, "\ud7ff", "\uffff", "\U0010ffff", "\ue000", "'s 't 're", "''''", "....", "!?!?", "_a_", "a_b",
    "photo of\x0ba\x0cwren", "line\u2028sep", "soft\u00adhyphen", "zero\u200cwidth", "Ω Ω", "Å Å", "ǆ ǅ Ǆ",
]  # fmt: skip


def texts() -> list[str]:
    """The odd ones, and some put together from the pieces of the corpus."""
    rng = random.Random(3)
    pieces = [piece for line in CORPUS for piece in line.split()] + ODD[:75]
    return ODD + [rng.choice(["", " "]).join(rng.choice(pieces) for _ in range(rng.randint(2, 9))) for _ in range(30)]


golden = {}
for name, make in TOKENIZERS.items():
    tokenizer = make()
    ids = [tokenizer.encode(text).ids for text in texts()]
    golden[name] = {"tokenizer": json.loads(tokenizer.to_str()), "ids": ids}
file = pathlib.Path(__file__).with_name("tokenizers.json")
file.write_text(json.dumps({"tokenizers": tokenizers.__version__, "texts": texts(), "cases": golden}) + "\n")
