"""The numbers that goldens are made from: the same in test/helpers/lcg.ts, so that no weights need to be stored."""

import numpy as np


def fnv1a(text: str) -> int:
    """32-bit FNV-1a of a text's UTF-8 bytes: the seed of what has that name."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def uniforms(seed: int, count: int) -> np.ndarray:
    """`count` numbers in [0, 1): a counter mixed by the finaliser of MurmurHash3, 24 bits each."""
    x = (np.arange(count, dtype=np.uint64) + seed) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return (x >> 8).astype(np.float64) / 2**24


def made_up(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 weights that keep activations near 1 through 150 layers; mirrored by test/helpers/made-up-weights.ts. A weight with
    one input, as a layer scale, is a factor near 1."""
    u = uniforms(fnv1a(name), int(np.prod(shape)))
    inputs = int(np.prod(shape[1:]))
    if inputs > 1:
        values = (2 * u - 1) * np.sqrt(3 / inputs)
    elif name.endswith("running_var"):
        values = 0.5 + u
    elif name.endswith(("running_mean", "bias")):
        values = 0.2 * u - 0.1
    else:
        values = 0.75 + 0.5 * u
    return values.astype(np.float32).reshape(shape)


def pixels(name: str, height: int, width: int) -> np.ndarray:
    """[height, width, 3] uint8"""
    return np.floor(uniforms(fnv1a(name), height * width * 3) * 256).astype(np.uint8).reshape(height, width, 3)
