"""Writes pictures.json: small pictures as Pillow writes them, and what convert('RGB') gives for each.

    python test/golden/make_pictures.py > test/golden/pictures.json
"""

import base64
import io
import json
import struct

import numpy as np
from PIL import Image


rng = np.random.default_rng(7)
WIDTH, HEIGHT = 13, 7
rgb = Image.fromarray((rng.random((HEIGHT, WIDTH, 3)) * 255).astype("uint8"))
flat = Image.fromarray(np.kron((rng.random((2, 3, 3)) * 255).astype("uint8"), np.ones((4, 5, 1), "uint8")))


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def rle8(image):
    """A BMP whose rows are run lengths: Pillow reads them, but does not write them."""
    image = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    width, height = image.size
    rows = np.asarray(image)[::-1]
    data = b""
    for row in rows:
        at = 0
        while at < width:
            run = 1
            while at + run < width and row[at + run] == row[at]:
                run += 1
            if run == 1 and at + 3 <= width:
                data += bytes([0, 3, *row[at : at + 3], 0])
                at += 3
            else:
                data += bytes([run, row[at]])
                at += run
        data += b"\0\0"
    data += b"\0\1"
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in np.reshape(image.getpalette()[:48], (-1, 3)))
    begin = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", begin + len(data), 0, 0, begin) + header + palette + data


def masked(bits, masks, dtype):
    """A BMP of numbers with a mask for each colour, top row first."""
    values = (rng.random((HEIGHT, WIDTH)) * (2**bits - 1)).astype(dtype)
    row = (WIDTH * bits + 31) // 32 * 4
    data = b"".join(line.tobytes().ljust(row, b"\0") for line in values)
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, -HEIGHT, 1, bits, 3, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 66 + len(data), 0, 0, 66) + header + struct.pack("<III", *masks) + data


def offset_gif():
    """A frame that covers a part of its canvas, with a transparent colour."""
    frame = saved(flat.convert("P", palette=Image.Palette.ADAPTIVE, colors=8), "GIF", transparency=2)
    gif = bytearray(frame)
    gif[6:10] = struct.pack("<HH", 20, 12)
    at = gif.index(b"\x2c\0\0\0\0")
    gif[at + 1 : at + 5] = struct.pack("<HH", 3, 2)
    return bytes(gif)


PICTURES = {
    "bmp 24": saved(rgb, "BMP"),
    "bmp 8, palette": saved(rgb.convert("P"), "BMP"),
    "bmp 8, grey": saved(rgb.convert("L"), "BMP"),
    "bmp 1": saved(rgb.convert("1"), "BMP"),
    "bmp 32": saved(rgb.convert("RGBA"), "BMP"),
    "bmp 8, run lengths": rle8(flat),
    "bmp 16, 565": masked(16, (0xF800, 0x7E0, 0x1F), "<u2"),
    "bmp 16, 555": masked(16, (0x7C00, 0x3E0, 0x1F), "<u2"),
    "bmp 32, masks": masked(32, (0xFF000000, 0xFF0000, 0xFF00), "<u4"),
    "ppm": saved(rgb, "PPM"),
    "pgm": saved(rgb.convert("L"), "PPM"),
    "pbm": saved(rgb.convert("1"), "PPM"),
    "ppm, text": b"P3\n# a comment\n2 1 15\n0 7 15  1\n2 3\n",
    "pgm, text": b"P2 3 1 100 0 50 100\n",
    "pbm, text": b"P1\n3 2\n101\n0 1 0\n",
    "ppm, 16 bits": b"P6 2 1 65535\n" + struct.pack(">6H", 0, 127, 128, 32767, 50000, 65535),
    "gif, transparent": saved(rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=16), "GIF", transparency=3),
    "gif, canvas": offset_gif(),
    "tiff, ycbcr, lzw": saved(rgb.convert("YCbCr"), "TIFF", compression="tiff_lzw"),
    "tiff, ycbcr, deflate": saved(rgb.convert("YCbCr"), "TIFF", compression="tiff_adobe_deflate"),
    "tiff, ycbcr, packbits": saved(rgb.convert("YCbCr"), "TIFF", compression="packbits"),
    "tiff, ycbcr": saved(rgb.convert("YCbCr"), "TIFF"),
}

UNSUPPORTED = {
    "zstd": saved(rgb, "TIFF", compression="zstd"),
    "lzma": saved(rgb, "TIFF", compression="lzma"),
    "lab": saved(rgb.convert("LAB"), "TIFF"),
}

base64_of = lambda data: base64.b64encode(data).decode()


def entry(data):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return {"file": base64_of(data), "width": image.width, "height": image.height, "rgb": base64_of(image.tobytes())}


print(
    json.dumps(
        {
            "pictures": {name: entry(data) for name, data in PICTURES.items()},
            "unsupported": {name: base64_of(data) for name, data in UNSUPPORTED.items()},
        },
        indent=1,
    )
)
