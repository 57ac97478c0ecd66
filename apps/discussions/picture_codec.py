"""An uploaded picture, decoded and encoded again: nothing stays of the file but its pixels.

Decoders of pictures are large, written in C, and fed by strangers. So this module needs Pillow
alone, and is also a program, which `picture_process` starts for each picture in a process of its
own, with little memory and time:

    python -I picture_codec.py MAX_PIXELS MAX_BYTES MAX_MEMORY MAX_SECONDS <file >picture

It writes a line of JSON, `{"format", "width", "height"}` or `{"fault"}`, and then the picture.

The same pixels make the same file under the same Pillow. Frames after the first are left out, the
orientation of a camera is applied, colours become sRGB in 8 bits, a picture with transparency stays
so. What was JPEG or WebP stays that; all else becomes PNG. What would have more bytes than are
stored becomes JPEG or WebP of less quality, and smaller, until it has not.
"""

from __future__ import annotations

import io
import json
import math
import os
import resource
import struct
import sys
import warnings
import zlib
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")  # that are read; Pillow tries no others
MAX_SIDE = 16_383  # px: what WebP can be
QUALITY, LESSER_QUALITY = 88, 75
METHODS = {
    QUALITY: 4,
    LESSER_QUALITY: 0,
}  # of WebP: how long it tries; the lesser one is tried often
MAX_SHRINKINGS = 6  # each leaves about the bytes that are allowed; of noise few more
NOT_A_PICTURE, TOO_MANY_PIXELS, DAMAGED, TOO_LARGE = (
    "not-a-picture",
    "too-many-pixels",
    "damaged",
    "too-large",
)
FAULTS = (NOT_A_PICTURE, TOO_MANY_PIXELS, DAMAGED, TOO_LARGE)
# whatever Pillow and its plugins raise for a file that is not as it should be
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    ImageCms.PyCMSError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class BadPicture(Exception):
    """A file that is not stored; `fault` is one of FAULTS."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True)
class Recoded:
    """A picture as it is stored."""

    format: str  # png, jpeg or webp
    data: bytes
    width: int  # px
    height: int


def recode(data: bytes, *, max_pixels: int, max_bytes: int) -> Recoded:
    """Return a picture, encoded again.

    Args:
        max_pixels: of the uploaded picture, width times height.
        max_bytes: of the result.
    Raises:
        BadPicture: it is none, damaged, or too large.
    """
    Image.MAX_IMAGE_PIXELS = max_pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image, kind = _decoded(data, max_pixels)
            return _encoded(image, kind, max_bytes)
        except BadPicture:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise BadPicture(TOO_MANY_PIXELS) from None
        except UnidentifiedImageError:
            raise BadPicture(NOT_A_PICTURE) from None
        except UNREADABLE:
            raise BadPicture(DAMAGED) from None


def _decoded(data: bytes, max_pixels: int) -> tuple[Image.Image, str]:
    """Return the first frame with all its pixels, upright, and the format of the file."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as check:
        _check_size(check, max_pixels)
        if check.format == "PNG":
            check.verify()  # the sums of its chunks, which decoding alone does not compare
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        kind = str(image.format)
        image.seek(0)
        image.load()
        upright = ImageOps.exif_transpose(image)
        return _in_8_bits(upright if upright is not None else image), kind


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise BadPicture(DAMAGED)
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise BadPicture(TOO_MANY_PIXELS)


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return a picture in grey, RGB or RGBA, in sRGB."""
    is_transparent = image.has_transparency_data
    if image.mode.startswith(("I", "F")):  # 16 bits or more: scaled, else all would be white
        image = _scaled(image)
    profile = image.info.get("icc_profile")
    if image.mode in ("LA", "La", "PA", "P", "RGBa"):
        image = image.convert("RGBA" if is_transparent or image.mode != "P" else "RGB")
    elif is_transparent and image.mode in ("L", "RGB", "1"):  # one colour that is none
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    if profile:
        image = _in_srgb(image, profile)
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGB")
    return image


def _scaled(image: Image.Image) -> Image.Image:
    """Return a picture of 16 bits, as only PNG has them, in 8."""
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    return image.point(lambda value: value * (255 / 65535) + 0.5).convert("L")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture with the colours that its profile means; with a profile that cannot be read,
    or is of other colours, as it is.
    """
    output = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=output
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if converted is None else converted


def _encoded(image: Image.Image, kind: str, max_bytes: int) -> Recoded:
    image.info.clear()  # what would be written beside the pixels
    if kind == "JPEG" and image.mode == "RGBA":
        image = image.convert("RGB")
    recoded = _saved(image, kind if kind in ("JPEG", "WEBP") else "PNG", QUALITY)
    if len(recoded.data) <= max_bytes:
        return recoded
    lossy = "JPEG" if kind == "JPEG" else "WEBP"
    for _shrinking in range(MAX_SHRINKINGS):
        recoded = _saved(image, lossy, LESSER_QUALITY)
        if len(recoded.data) <= max_bytes:
            return recoded
        factor = 0.95 * math.sqrt(max_bytes / len(recoded.data))
        image = image.resize([max(1, int(side * factor)) for side in image.size])
    raise BadPicture(TOO_LARGE)


def _saved(image: Image.Image, kind: str, quality: int) -> Recoded:
    out = io.BytesIO()
    of_kind: dict[str, dict[str, object]] = {
        "JPEG": {"quality": quality, "progressive": False, "exif": b""},
        "WEBP": {"quality": quality, "method": METHODS[quality], "exif": b"", "xmp": b""},
        "PNG": {"compress_level": 6},
    }
    image.save(out, kind, icc_profile=None, **of_kind[kind])
    return Recoded(kind.lower(), out.getvalue(), *image.size)


def _limit(name: int, value: int) -> None:
    _soft, hard = resource.getrlimit(name)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(name, (value, hard))
    except (OSError, ValueError):  # macOS has no limit of this kind
        return


def main(arguments: list[str]) -> None:
    max_pixels, max_bytes, max_memory, max_seconds = map(int, arguments)
    os.nice(5)  # pages come first
    _limit(resource.RLIMIT_AS, max_memory)
    _limit(resource.RLIMIT_CPU, max_seconds)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    out = sys.stdout.buffer
    try:
        picture = recode(sys.stdin.buffer.read(), max_pixels=max_pixels, max_bytes=max_bytes)
    except BadPicture as error:
        out.write(json.dumps({"fault": error.fault}).encode() + b"\n")
        return
    head = {"format": picture.format, "width": picture.width, "height": picture.height}
    out.write(json.dumps(head).encode() + b"\n" + picture.data)


if __name__ == "__main__":
    main(sys.argv[1:])
