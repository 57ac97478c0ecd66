"""What somebody hostile uploads as a picture: it is refused in words, or stored as nothing but
pixels; never a server error.
"""

from __future__ import annotations

import io
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.conf import settings
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from apps.accounts.models import User
from apps.discussions.limits import (
    MAX_PICTURE_BYTES,
    MAX_PICTURE_PIXELS,
    MAX_STORED_PICTURE_BYTES,
)
from apps.discussions.models import Picture
from apps.discussions.picture_codec import FAULTS, BadPicture, Recoded, recode
from tests.discussions.picturing import (
    JSON,
    UPLOAD,
    browser_of,
    decoded,
    encoded,
    gradient,
    media,  # noqa: F401 - a fixture
    send,
)
from tests.experiments.watching import cookies_of
from tests.searching import examples
from tests.serving import serving

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
SCRIPT = b"<script>alert(document.domain)</script>"
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


@pytest.fixture
def member(mei: User) -> Client:
    return browser_of(mei)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, rows: bytes, *more: bytes, depth: int = 8, colour: int = 0
) -> bytes:
    """Return a PNG with these rows, compressed already, whatever its size says."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            *more,
            chunk(b"IDAT", rows),
            chunk(b"IEND", b""),
        ]
    )


def jpeg_of_size(width: int, height: int) -> bytes:
    """Return a small JPEG that says that it is large."""
    data = encoded(gradient(), "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


ZEROS = zlib.compress(bytes(50_000_000), 9)  # 50 kB
BOMBS = {
    "as many pixels as PNG can have": png(2**31 - 1, 2**31 - 1, ZEROS),
    "a bit for each pixel": encoded(Image.new("1", (16_000, 16_000)), compress_level=9),
    "rows without end": png(10, 10, ZEROS),
    "one pixel more than allowed": png(4_001, 4_000, ZEROS),
    "one long row": png(MAX_PICTURE_PIXELS, 1, ZEROS),
    "no pixel": png(0, 0, b""),
    "text that is a bomb": png(
        9, 9, zlib.compress(bytes(90)), chunk(b"zTXt", b"Comment\0\0" + ZEROS)
    ),
    "a profile that is a bomb": png(
        9, 9, zlib.compress(bytes(90)), chunk(b"iCCP", b"icc\0\0" + ZEROS)
    ),
    "a large JPEG in few bytes": jpeg_of_size(65_500, 65_500),
    "a JPEG within the limit that is not there": jpeg_of_size(4_000, 4_000),
    "a large GIF in few bytes": b"GIF89a"
    + struct.pack("<HH", 65_535, 65_535)
    + encoded(gradient(), "GIF")[10:],
    "a frame larger than its GIF": encoded(gradient(9, 9), "GIF").replace(
        b",\0\0\0\0\x09\0\x09\0", b",\0\0\0\0\xff\xff\xff\xff"
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_or_harmless(member: Client, name: str) -> None:
    assert len(BOMBS[name]) < MAX_PICTURE_BYTES
    answer = send(member, BOMBS[name])
    assert answer.status_code in (201, 422), answer.content
    if answer.status_code == 201:
        assert Picture.objects.get().size_bytes < 1_000_000
    else:
        assert answer.json()["code"] in FAULTS_SAID


FAULTS_SAID = {"not-a-picture", "too-many-pixels", "picture-damaged", "picture-too-large"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        SCRIPT,
        b"<!doctype html><title>x</title>" + SCRIPT,
        b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>",
        b'<?xml version="1.0"?><svg onload="alert(1)"/>',
        b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>endobj",
        b"GIF89a/*" + SCRIPT + b"*/=1;",
        b"\x89PNG\r\n\x1a\n" + SCRIPT,
        b"\xff\xd8\xff\xe0" + SCRIPT,
        b"RIFF\x40\0\0\0WEBPVP8 " + SCRIPT,
        b"BM" + bytes(200),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        encoded(gradient(), "TIFF"),
        encoded(gradient(), "BMP"),
        encoded(gradient(), "ICO"),
        encoded(gradient(), "PPM"),
        encoded(gradient(), "PDF"),
        encoded(gradient(), "AVIF"),
    ],
    ids=lambda data: repr(data[:14]),
)
@pytest.mark.parametrize("name", ["a.png", "a.html", "a.svg"])
def test_what_is_no_picture_is_none_under_any_name(data: bytes, name: str) -> None:
    with pytest.raises(BadPicture) as refused:
        recode(data, max_pixels=MAX_PICTURE_PIXELS, max_bytes=MAX_STORED_PICTURE_BYTES)
    assert refused.value.fault in ("not-a-picture", "damaged")


def hidden_in(kind: str) -> Iterator[bytes]:
    """Yield pictures that are something else besides: a script after them, or in what they say."""
    yield encoded(gradient(), kind) + SCRIPT
    yield encoded(gradient(), kind) + b"%PDF-1.4\n" + SCRIPT
    if kind in ("JPEG", "GIF"):
        yield encoded(gradient(), kind, comment=SCRIPT)
    exif = Image.Exif()
    exif[0x010E] = SCRIPT.decode()
    if kind != "GIF":
        yield encoded(gradient(), kind, exif=exif)
    if kind in ("JPEG", "WEBP"):
        yield encoded(gradient(), kind, xmp=SCRIPT)
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text(SCRIPT.decode(), SCRIPT.decode())
        info.add_itxt("XML:com.adobe.xmp", SCRIPT.decode())
        yield encoded(gradient(), "PNG", pnginfo=info)
        yield png(9, 9, zlib.compress(bytes(90)), chunk(b"sCRt", SCRIPT))


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_that_is_hidden_in_a_picture_is_kept(kind: str) -> None:
    for data in hidden_in(kind):
        assert SCRIPT in data
        stored = recode(data, max_pixels=MAX_PICTURE_PIXELS, max_bytes=MAX_STORED_PICTURE_BYTES)
        assert b"script" not in stored.data and b"PDF" not in stored.data
        assert decoded(stored.data).size == (stored.width, stored.height)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_that_is_cut_off_anywhere_is_refused(kind: str) -> None:
    whole = encoded(gradient(), kind)
    end = len(whole) - (1 if kind == "GIF" else 0)  # browsers do without its last byte
    for length in range(0, end, max(1, len(whole) // 60)):
        result = outcome(whole[:length])
        assert result in FAULTS or same_size(result), f"{length} of {len(whole)} bytes: {result}"
    assert outcome(whole[: len(whole) // 2]) == "damaged"


def outcome(data: bytes) -> str | Recoded:
    try:
        return recode(data, max_pixels=100_000, max_bytes=MAX_STORED_PICTURE_BYTES)
    except BadPicture as error:
        return error.fault


def same_size(result: str | Recoded) -> bool:
    """Return whether a result is a picture that can be read."""
    return isinstance(result, Recoded) and decoded(result.data).size == (
        result.width,
        result.height,
    )


@pytest.mark.parametrize("kind", FORMATS)
@hypothesis_settings(max_examples=examples(60))
@given(data=st.data())
def test_a_file_with_other_bytes_is_refused_or_a_picture(kind: str, data: st.DataObject) -> None:
    whole = bytearray(encoded(gradient(12, 9), kind))
    for _change in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans()):
            whole[place] = data.draw(st.integers(0, 255))
        else:
            whole[place:place] = data.draw(st.binary(max_size=4))
    result = outcome(bytes(whole))
    assert result in FAULTS or same_size(result)


BEGINNINGS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"RIFF\0\1\0\0WEBPVP8X",
    b"RIFF\0\1\0\0WEBPVP8L",
]


@hypothesis_settings(max_examples=examples(40))
@given(data=st.binary(max_size=200), kind=st.sampled_from(BEGINNINGS))
def test_any_bytes_are_refused_or_a_picture(data: bytes, kind: bytes) -> None:
    result = outcome(kind + data)
    assert result in FAULTS or same_size(result)


@pytest.mark.parametrize("place", [8, 20, 30, 41, 60, -13, -1])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_byte_that_is_wrong_is_no_server_error(member: Client, kind: str, place: int) -> None:
    whole = bytearray(encoded(gradient(), kind))
    whole[place] ^= 0xFF
    assert send(member, bytes(whole)).status_code in (201, 422)


# ---------------------------------------------------------------- names, types, forms


@pytest.mark.parametrize(
    "name",
    [
        "a\0.png",
        "../../../etc/passwd",
        "..",
        "a.html",
        "x" * 5_000,
        "图.png",
        "\u202egnp.exe",
        "/",
        "CON",
    ],
    ids=lambda name: repr(name[:12]),
)
def test_the_name_of_a_file_decides_nothing(member: Client, name: str) -> None:
    answer = upload(member, name, "text/html", encoded(gradient(), "JPEG"))
    assert answer.status_code in (201, 400)  # Django leaves out a file whose name is nothing
    if answer.status_code == 201:
        assert answer.json()["url"].endswith(".jpeg")


def upload(member: Client, name: str, kind: str, data: bytes):  # type: ignore[no-untyped-def]
    """Send a form as bytes: Django's client would change the name."""
    body = b"\r\n".join(
        [
            b"--limit",
            f'Content-Disposition: form-data; name="picture"; filename="{name}"'.encode(),
            f"Content-Type: {kind}".encode(),
            b"",
            data,
            b"--limit--",
            b"",
        ]
    )
    return member.post(
        UPLOAD, body, content_type="multipart/form-data; boundary=limit", headers=JSON
    )


def test_a_form_of_another_kind_is_refused_in_words(member: Client) -> None:
    data = encoded(gradient())
    many = {"picture": [io.BytesIO(data), io.BytesIO(data)]}
    answers = [
        member.post(UPLOAD, many, headers=JSON),
        member.post(UPLOAD, {"picture": "not a file"}, headers=JSON),
        member.post(UPLOAD, {"other": io.BytesIO(data)}, headers=JSON),
        member.post(UPLOAD, data, content_type="image/png", headers=JSON),
        member.post(
            UPLOAD, json.dumps({"picture": "x"}), content_type="application/json", headers=JSON
        ),
        member.post(UPLOAD, b"--x", content_type="multipart/form-data; boundary=x", headers=JSON),
        member.post(UPLOAD, b"", content_type="multipart/form-data", headers=JSON),
    ]
    assert {answer.status_code for answer in answers} == {400}
    assert all(answer.json()["detail"] for answer in answers) and not Picture.objects.exists()


def test_a_visitor_stores_nothing() -> None:
    assert send(Client(), encoded(gradient())).status_code == 302 and not Picture.objects.exists()


# ---------------------------------------------------------------- at once


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_hold_up_nobody(mei: User) -> None:
    """The largest pictures, from one person, while others ask whether the site is there."""
    noise = Image.effect_noise((400, 400), 60).resize((4_000, 4_000)).convert("RGB")
    pictures = []
    for n in range(10):
        noise.putpixel((0, 0), (n * 20, 0, 0))
        pictures.append(
            encoded(noise, "JPEG", quality=20) if n < 2 else encoded(gradient(40, 30 + n))
        )
    assert max(map(len, pictures)) < MAX_PICTURE_BYTES
    over = threading.Event()
    with serving() as site, httpx.Client(base_url=site, timeout=60) as client:
        cookies = cookies_of(mei)
        token = client.get(UPLOAD, cookies=cookies)
        csrf = token.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        cookies |= {settings.CSRF_COOKIE_NAME: token.cookies[settings.CSRF_COOKIE_NAME]}

        def one(data: bytes) -> int:
            return httpx.post(
                site + UPLOAD,
                files={"picture": ("a.png", data, "image/png")},
                data={"csrfmiddlewaretoken": csrf},
                headers=JSON,
                cookies=cookies,
                timeout=120,
            ).status_code

        def ask() -> int:
            answers = 0
            while not over.is_set():
                answers += httpx.get(f"{site}/healthz", timeout=5).status_code == 200
            return answers

        with ThreadPoolExecutor(11) as elsewhere:
            asking = elsewhere.submit(ask)
            statuses = list(elsewhere.map(one, pictures))
            over.set()
            assert statuses == [201] * 10 and asking.result() > 10
    assert Picture.objects.count() == 10
