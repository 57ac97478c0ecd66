"""Pictures in posts: stored without anything but their pixels, sent, and deleted when no post shows
them.
"""

from __future__ import annotations

import io
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from gradus import env
from PIL import Image, ImageCms

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.discussions import errors, picture_files, picture_process, post_markdown, services
from apps.discussions.limits import MAX_PICTURE_BYTES, MAX_STORED_PICTURE_BYTES
from apps.discussions.models import Picture, Post, State, Thread
from apps.discussions.picture_codec import BadPicture, Recoded, recode
from apps.discussions.post_markdown import RenderedPost
from apps.discussions.services import pictures as service
from tests.discussions.conftest import reply, start
from tests.discussions.picturing import (
    JSON,
    UPLOAD,
    address,
    browser_of,
    decoded,
    encoded,
    gradient,
    media,  # noqa: F401 - a fixture
    send,
    stored,
)
from tests.discussions.s3_server import bucket
from tests.experiments.conftest import step_clock

pytestmark = [
    pytest.mark.django_db,
    # Django's client, unlike a server, reads what is sent in one go
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous"),
]
DAY = 24 * 3600


def again(data: bytes) -> Recoded:
    return recode(data, max_pixels=1_000_000, max_bytes=MAX_STORED_PICTURE_BYTES)


def files(media: Path) -> list[str]:  # noqa: F811
    return sorted(path.name for path in media.rglob("*") if path.is_file())


def colour(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    pixel = picture.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel


def body(answer: Any) -> bytes:
    return b"".join(answer)


# ---------------------------------------------------------------- decoded and encoded


@pytest.mark.parametrize(
    ("image", "options", "kind", "mode", "pixel"),
    [
        (gradient(mode="L"), {}, "png", "L", 4),
        (Image.new("1", (9, 9), 1), {}, "png", "L", 255),
        (Image.new("RGB", (9, 9), (9, 8, 7)).quantize(4), {}, "png", "RGB", (9, 8, 7)),
        (gradient(9, 9).quantize(8), {"transparency": 7}, "png", "RGBA", (14, 14, 14, 0)),
        (Image.new("LA", (9, 9), (50, 60)), {}, "png", "RGBA", (50, 50, 50, 60)),
        (Image.new("RGBA", (9, 9), (1, 2, 3, 4)), {}, "png", "RGBA", (1, 2, 3, 4)),
        (Image.new("RGB", (9, 9), "red"), {"transparency": (255, 0, 0)}, "png", "RGBA", None),
        (Image.new("I;16", (9, 9), 65535), {}, "png", "L", 255),
        (Image.new("I;16", (9, 9), 32896), {}, "png", "L", 128),
        (Image.new("I;16", (9, 9), 200), {}, "png", "L", 1),
        (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), {"kind": "JPEG"}, "jpeg", "RGB", None),
        (gradient(mode="L"), {"kind": "JPEG"}, "jpeg", "L", None),
        (gradient(), {"kind": "JPEG", "progressive": True}, "jpeg", "RGB", None),
        (gradient(mode="RGBA"), {"kind": "WEBP"}, "webp", "RGB", None),
        (Image.new("RGB", (9, 9), "blue"), {"kind": "GIF"}, "png", "RGB", (0, 0, 255)),
        (gradient(9, 9).quantize(8), {"kind": "GIF", "transparency": 7}, "png", "RGBA", None),
    ],
    ids=lambda value: "" if isinstance(value, Image.Image) else None,
)
def test_every_kind_of_pixel_is_kept_in_8_bits(
    image: Image.Image, options: dict[str, Any], kind: str, mode: str, pixel: Any
) -> None:
    result = again(encoded(image, **options))
    picture = decoded(result.data)
    assert (result.format, picture.size) == (kind, image.size)
    assert (result.width, result.height) == image.size
    assert picture.mode == mode
    assert pixel is None or picture.getpixel((0, 0)) == pixel


def test_cyan_magenta_yellow_and_black_become_the_colours_that_they_mean() -> None:
    picture = decoded(again(encoded(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG")).data)
    red, green, blue = colour(picture, 4, 4)
    assert red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_kept(kind: str) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "lime", "blue")]
    moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    picture = decoded(again(moving).data)
    red, green, blue = colour(picture.convert("RGB"), 4, 4)
    assert getattr(picture, "n_frames", 1) == 1 and red > 200 and green < 60 and blue < 60


def test_the_camera_s_orientation_is_applied_and_nothing_else_of_the_file_is_kept() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "taken at home"
    gps = exif.get_ifd(0x8825)
    gps[2] = (47.0, 22.0, 40.0)
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 20))  # left, which is above when it is turned
    for kind in ("JPEG", "PNG", "WEBP"):
        result = again(encoded(image, kind, exif=exif, comment=b"a secret"))
        picture = decoded(result.data)
        assert picture.size == (20, 40) == (result.width, result.height)
        above, below = colour(picture, 10, 5), colour(picture, 10, 35)
        assert above[1] < 60 and below[1] > 200
        assert not dict(picture.getexif()) and not {"exif", "xmp", "comment"} & set(picture.info)
        assert b"at home" not in result.data and b"a secret" not in result.data


def test_colours_of_another_profile_become_those_of_srgb_and_the_profile_goes() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    grey = Image.new("RGB", (9, 9), (200, 100, 50))
    same = decoded(again(encoded(grey, icc_profile=srgb.tobytes())).data)
    assert same.getpixel((4, 4)) == (200, 100, 50) and "icc_profile" not in same.info
    other = decoded(again(encoded(grey, icc_profile=lab.tobytes())).data)
    assert "icc_profile" not in other.info
    broken = decoded(again(encoded(grey, icc_profile=b"no profile")).data)
    assert broken.getpixel((4, 4)) == (200, 100, 50) and "icc_profile" not in broken.info


def test_the_same_pixels_make_the_same_file() -> None:
    image = gradient()
    plain, noted = encoded(image), encoded(image, compress_level=1, dpi=(72, 72))
    assert plain != noted and again(plain) == again(noted)


# ---------------------------------------------------------------- uploaded


def test_a_script_is_told_the_markdown_and_the_size(mei: User, media: Path) -> None:  # noqa: F811
    answer = send(browser_of(mei), encoded(gradient(40, 30)))
    [picture] = Picture.objects.all()
    url = address(picture)
    assert answer.status_code == 201 and answer.json() == {
        "markdown": f"![]({url})",
        "url": url,
        "width": 40,
        "height": 30,
    }
    assert files(media) == [f"{picture.sha256}.png"] and picture.owner == mei
    [file] = media.rglob("*.png")
    assert file.stat().st_mode & 0o777 == 0o600 and picture.size_bytes == file.stat().st_size


def test_a_form_without_scripts_is_answered_by_the_line_to_copy(mei: User) -> None:
    browser = browser_of(mei)
    before = browser.get(UPLOAD).content.decode()
    assert 'enctype="multipart/form-data"' in before and 'name="picture"' in before
    page = browser.post(UPLOAD, {"picture": io.BytesIO(encoded(gradient()))})
    [picture] = Picture.objects.all()
    assert page.status_code == 200 and f"![]({address(picture)})" in page.content.decode()
    nothing = browser.post(UPLOAD)
    assert nothing.status_code == 400 and "Choose one picture" in nothing.content.decode()


def test_the_same_picture_twice_is_one_file(mei: User, ola: User, media: Path) -> None:  # noqa: F811
    first, second = stored(mei), stored(ola)
    assert first == second and Picture.objects.count() == 1 and len(files(media)) == 1
    assert Picture.objects.get().owner == mei


def test_a_file_that_was_lost_is_written_again(mei: User, media: Path) -> None:  # noqa: F811
    picture = stored(mei)
    picture_files.delete(picture)
    assert files(media) == []
    stored(mei)
    assert len(files(media)) == 1


@pytest.mark.parametrize(
    ("data", "code", "status"),
    [
        (b"\x89PNG" + b"0" * MAX_PICTURE_BYTES, "picture-too-large", 413),
        (b"<html>", "not-a-picture", 422),
        (encoded(Image.new("1", (4001, 4000))), "too-many-pixels", 422),
        (encoded(Image.new("1", (16_400, 2))), "too-many-pixels", 422),
        (encoded(gradient())[:-20], "picture-damaged", 422),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused_is_said(mei: User, data: bytes, code: str, status: int) -> None:
    answer = send(browser_of(mei), data)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code) and problem["detail"]
    page = browser_of(mei).post(UPLOAD, {"picture": io.BytesIO(data)})
    assert page.status_code == status
    assert problem["detail"].replace("'", "&#x27;") in page.content.decode()
    assert not Picture.objects.exists()


@pytest.mark.parametrize(
    ("kind", "mode", "stored_as"),
    [
        ("JPEG", "RGB", "jpeg"),
        ("PNG", "L", "webp"),
        ("PNG", "RGBA", "webp"),
        ("WEBP", "RGB", "webp"),
    ],
)
def test_a_picture_that_would_be_stored_too_large_becomes_smaller(
    kind: str, mode: str, stored_as: str
) -> None:
    noise = Image.effect_noise((300, 200), 90).convert(mode)
    if mode == "RGBA":
        noise.putalpha(128)
    recoded = recode(encoded(noise, kind), max_pixels=100_000, max_bytes=9_000)
    assert recoded.format == stored_as and 4_000 < len(recoded.data) <= 9_000
    picture = decoded(recoded.data)
    assert picture.size == (recoded.width, recoded.height) and recoded.width < 300
    assert picture.width / picture.height == pytest.approx(1.5, abs=0.05)
    assert picture.has_transparency_data == (mode == "RGBA")


def test_a_screenshot_of_few_colours_is_stored_whole() -> None:
    """As a palette it has less than half the bytes of its pixels in red, green and blue."""
    picture = gradient(800, 600).quantize(32)
    data = encoded(picture)
    recoded = recode(data, max_pixels=1_000_000, max_bytes=2_500)
    assert (recoded.width, recoded.height) == (800, 600)


def test_a_picture_that_cannot_become_small_enough_is_refused() -> None:
    with pytest.raises(BadPicture, match="too-large"):
        recode(encoded(gradient()), max_pixels=100_000, max_bytes=10)


def test_a_person_stores_so_much_within_a_day(
    mei: User, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = stored(mei).size_bytes
    monkeypatch.setattr(service, "MAX_PICTURE_BYTES_A_DAY", size + 10)
    another = encoded(gradient(20, 20))
    step_clock(DAY // 2)
    with pytest.raises(errors.TooManyPictures) as refused:
        stored(mei, another)
    assert refused.value.seconds is not None and DAY // 2 - 60 < refused.value.seconds <= DAY // 2
    assert Picture.objects.count() == 1 and stored(mei), "what is there already costs nothing"
    assert send(browser_of(mei), another).headers["Retry-After"]
    stored(ola, another)
    step_clock(DAY + 60)
    stored(mei, encoded(gradient(21, 21)))


def test_a_storage_that_is_away_keeps_nothing_by_halves(mei: User, media: Path) -> None:  # noqa: F811
    media.write_text("no folder")
    answer = send(browser_of(mei), encoded(gradient()))
    assert (answer.status_code, answer.json()["code"]) == (503, "pictures-away")
    assert answer.headers["Retry-After"] == "10" and not Picture.objects.exists()


def test_who_is_cut_off_while_a_file_is_written_leaves_none(
    mei: User,
    media: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("apps.common.files.os.fsync", full)
    with pytest.raises(errors.PicturesAway):
        stored(mei)
    assert files(media) == [] and not Picture.objects.exists()


# ---------------------------------------------------------------- the process that decodes


def test_the_decoder_has_bounds_and_nothing_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_KEY", "ours")
    seen: list[dict[str, Any]] = []
    run = subprocess.run

    def noting(*args: Any, **options: Any) -> Any:
        seen.append(options)
        return run(*args, **options)

    monkeypatch.setattr(subprocess, "run", noting)
    assert picture_process.recode(encoded(gradient())).width == 40
    assert seen[0]["env"] == {} and seen[0]["timeout"] > 0
    monkeypatch.setattr(picture_process, "MAX_MEMORY_BYTES", 150_000_000)
    with pytest.raises(BadPicture, match="damaged"):
        picture_process.recode(encoded(Image.new("RGB", (4000, 4000))))


def test_the_largest_picture_is_decoded_within_the_bounds() -> None:
    image = Image.new("RGBA", (4000, 4000), (1, 2, 3, 4))
    assert picture_process.recode(encoded(image, compress_level=1)).width == 4000
    exif = Image.Exif()
    exif[0x0112] = 6
    large = encoded(image.convert("RGB"), "JPEG", exif=exif, progressive=True)
    assert picture_process.recode(large).format == "jpeg"


def test_a_decoder_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_process, "MAX_SECONDS", 0.01)
    with pytest.raises(BadPicture, match="damaged"):
        picture_process.recode(encoded(gradient()))


def test_who_waits_too_long_for_their_turn_is_told_to_come_again(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_process, "_slots", threading.BoundedSemaphore(1))
    monkeypatch.setattr(picture_process, "WAIT_SECONDS", 0.01)
    with picture_process._slots:
        assert send(browser_of(mei), encoded(gradient())).json()["code"] == "pictures-away"
    assert send(browser_of(mei), encoded(gradient())).status_code == 201


# ---------------------------------------------------------------- sent


def shown(picture: Picture, post: Post) -> Picture:
    with transaction.atomic():
        services.pictures.show(post, [picture.sha256])
    return picture


def test_a_published_picture_is_sent_to_everybody_and_kept_for_ever(thread: Thread) -> None:
    assert thread.author is not None
    data = encoded(gradient(), "JPEG")
    picture = shown(stored(thread.author, data), thread.posts.get())
    for browser in (Client(), browser_of(thread.author)):
        answer = browser.get(address(picture))
        assert answer.status_code == 200 and decoded(body(answer)).size == (40, 30)
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert answer.headers["Content-Length"] == str(picture.size_bytes)
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        etag = answer.headers["ETag"]
        unchanged = browser.get(address(picture), headers={"if-none-match": etag})
        assert (
            unchanged.status_code == 304
            and unchanged.content == b""
            and unchanged.headers["ETag"] == etag
        )
        head = browser.head(address(picture))
        assert head.status_code == 200 and head.headers["Content-Type"] == "image/jpeg"


def test_a_picture_that_no_post_shows_yet_is_seen_by_members_and_kept_by_nobody(
    mei: User, sam: User
) -> None:
    picture = stored(mei)
    for person in (mei, sam):
        answer = browser_of(person).get(address(picture))
        assert answer.status_code == 200 and body(answer)
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert Client().get(address(picture)).status_code == 404


@pytest.mark.parametrize("hidden", ["post", "thread"])
def test_a_hidden_picture_is_seen_by_moderators_and_its_author_alone(
    thread: Thread, ada: User, sam: User, hidden: str
) -> None:
    assert thread.author is not None
    post = thread.posts.get()
    picture = shown(stored(thread.author), post)
    if hidden == "post":
        Post.objects.filter(pk=post.pk).update(state=State.HIDDEN)
    else:
        Thread.objects.filter(pk=thread.pk).update(state=State.HIDDEN)
    seen = {
        person.handle if person else "": status
        for person, browser in [
            (None, Client()),
            *((person, browser_of(person)) for person in (thread.author, sam, ada)),
        ]
        for status in [browser.get(address(picture)).status_code]
    }
    assert seen == {"": 404, "mei": 200, "sam": 404, "ada": 200}


def test_what_is_no_picture_is_not_found(mei: User) -> None:
    browser, picture = browser_of(mei), stored(mei)
    url = address(picture)
    wrong = [url.replace(".png", ".jpeg"), url.replace(".png", ".svg"), url.upper(), f"{url}/x"]
    wrong += [f"/pictures/{'0' * 64}.png", f"/pictures/{'0' * 63}.png", f"{url}%0A", "/pictures/x"]
    assert [browser.get(path).status_code for path in wrong] == [404] * len(wrong)
    picture_files.delete(picture)
    assert browser.get(url).status_code == 404


def test_a_storage_that_is_away_is_said(mei: User, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = stored(mei)

    def away(*args: Any) -> None:
        raise PermissionError("the disk is gone")

    monkeypatch.setattr(default_storage, "_open", away)
    answer = browser_of(mei).get(address(picture))
    assert answer.status_code == 503 and "Pictures cannot be read" in answer.content.decode()


# ---------------------------------------------------------------- posts that show them


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find the pictures of a post by their addresses, as its renderer does."""

    def render(text: str) -> RenderedPost:
        hashes = re.findall(r"\(/pictures/([0-9a-f]{64})\.\w+\)", text)
        return RenderedPost("<p></p>", pictures=hashes)

    monkeypatch.setattr(post_markdown, "render_post", render)


def shows(picture: Picture) -> str:
    return f"![loss]({address(picture)})"


def unused(picture: Picture) -> bool:
    return Picture.objects.filter(pk=picture.pk, unused_since__isnull=False).exists()


def test_a_post_notes_which_pictures_it_shows(mei: User, ola: User, links: None) -> None:
    picture, other = stored(mei), stored(mei, encoded(gradient(9, 9)))
    thread = start(mei, text=shows(picture))
    post = reply(ola, thread, f"{shows(picture)} {shows(other)} ![x](/pictures/{'0' * 64}.png)")
    assert set(post.pictures.all()) == {picture, other}
    assert not unused(picture) and not unused(other)
    post = services.posts.edit_post(author=ola, post=post, text=shows(other), edits=0)
    assert set(post.pictures.all()) == {other} and not unused(picture), "the first post shows it"
    services.posts.delete_post(author=ola, post=post)
    assert unused(other) and not unused(picture)
    services.posts.edit_post(author=mei, post=thread.posts.get(number=1), text="None.", edits=0)
    assert unused(picture)


def test_a_picture_that_was_taken_away_is_seen_by_who_uploaded_it_alone(
    mei: User, ola: User, ada: User, sam: User, links: None
) -> None:
    picture = stored(mei)
    post = reply(ola, start(mei, text="Look."), shows(picture))
    assert Client().get(address(picture)).status_code == 200
    services.posts.delete_post(author=ola, post=post)

    def statuses() -> list[int]:
        return [browser_of(one).get(address(picture)).status_code for one in (mei, ola, sam, ada)]

    assert statuses() == [200, 404, 404, 404] and Client().get(address(picture)).status_code == 404
    stored(ola)  # who uploads it again sees it in a preview
    assert statuses() == [200] * 4
    reply(ola, post.thread, shows(picture))
    assert Client().get(address(picture)).status_code == 200


def test_what_no_post_has_shown_for_a_day_is_deleted_with_its_file(
    thread: Thread,
    mei: User,
    media: Path,  # noqa: F811
) -> None:
    kept = shown(stored(mei), thread.posts.get())
    dropped = stored(mei, encoded(gradient(9, 9)))
    step_clock(DAY - 60)
    assert service.delete_unused() == 0 and len(files(media)) == 2
    again_uploaded = stored(mei, encoded(gradient(8, 8)))
    step_clock(DAY + 60)
    assert service.delete_unused() == 1
    assert set(Picture.objects.all()) == {kept, again_uploaded}
    assert files(media) == sorted(Path(address(one)).name for one in (kept, again_uploaded))
    assert not Picture.objects.filter(pk=dropped.pk).exists()
    with transaction.atomic():
        services.pictures.show(thread.posts.get(), [])
    step_clock(2 * DAY)
    assert service.delete_unused() == 1, "the one that was uploaded later"
    step_clock(3 * DAY)
    assert service.delete_unused() == 1 and files(media) == []


def test_who_uploads_a_picture_again_has_another_day(mei: User, ola: User) -> None:
    picture = stored(mei)
    step_clock(DAY - 60)
    stored(ola)
    step_clock(2 * DAY - 120)
    assert service.delete_unused() == 0
    step_clock(2 * DAY)
    assert service.delete_unused() == 1 and not Picture.objects.filter(pk=picture.pk).exists()


def test_a_round_is_bounded_and_waits_for_a_storage_that_is_away(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for side in (7, 8, 9):
        stored(mei, encoded(gradient(side, side)))
    step_clock(DAY + 60)
    monkeypatch.setattr(service, "MAX_DELETED_IN_A_ROUND", 2)
    with monkeypatch.context() as away:

        def fail(name: str) -> None:
            raise PermissionError

        away.setattr(default_storage, "delete", fail)
        assert service.delete_unused() == 0 and Picture.objects.count() == 3
    assert service.delete_unused(seconds=-1) == 0
    assert [service.delete_unused() for _ in range(3)] == [2, 1, 0]


# ---------------------------------------------------------------- at once


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_a_post_begins_to_show_is_not_deleted(mei: User) -> None:
    thread, picture = start(mei), two_days_old(stored(mei))
    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            services.pictures.show(thread.posts.get(), [picture.sha256])
            deleting = elsewhere.submit(closing, service.delete_if_unused, pk=picture.pk)
            waits_for_lock()
        assert deleting.result() is False
    assert set(thread.posts.get().pictures.all()) == {picture}


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_is_being_deleted_is_shown_by_no_post(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, picture = start(mei), two_days_old(stored(mei))
    entered, go_on = threading.Event(), threading.Event()
    delete = picture_files.delete

    def slowly(picture: Picture) -> None:
        entered.set()
        assert go_on.wait(60)
        delete(picture)

    monkeypatch.setattr(picture_files, "delete", slowly)

    def show() -> set[Picture]:
        with transaction.atomic():
            services.pictures.show(thread.posts.get(), [picture.sha256])
        return set(thread.posts.get().pictures.all())

    with ThreadPoolExecutor(2) as elsewhere:
        deleting = elsewhere.submit(closing, service.delete_if_unused, pk=picture.pk)
        assert entered.wait(60)
        showing = elsewhere.submit(closing, show)
        waits_for_lock()
        go_on.set()
        assert deleting.result() is True and showing.result() == set()


@pytest.mark.django_db(transaction=True)
def test_the_same_picture_from_many_at_once_is_one_file(
    mei: User,
    ola: User,
    media: Path,  # noqa: F811
) -> None:
    with ThreadPoolExecutor(4) as elsewhere:
        uploads = [elsewhere.submit(closing, stored, person) for person in (mei, ola) * 3]
        assert len({upload.result() for upload in uploads}) == 1
    assert Picture.objects.count() == 1 and len(files(media)) == 1


@pytest.mark.django_db(transaction=True)
def test_housekeep_deletes_them(mei: User, media: Path) -> None:  # noqa: F811
    two_days_old(stored(mei))
    call_command("housekeep", once=True)
    assert not Picture.objects.exists() and files(media) == []


def two_days_old(picture: Picture) -> Picture:
    Picture.objects.filter(pk=picture.pk).update(unused_since=Clock() - timedelta(days=2))
    return picture


def closing(call: Any, *args: Any, **options: Any) -> Any:
    try:
        return call(*args, **options)
    finally:
        connection.close()


def waits_for_lock() -> None:
    """Return once another connection waits for a lock."""
    for _attempt in range(6_000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), pg_stat_clear_snapshot() FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


# ---------------------------------------------------------------- in a bucket


def test_pictures_are_kept_in_a_bucket(mei: User, settings: Any) -> None:
    with bucket() as server:
        settings.BUCKET_URL = server.url
        settings.STORAGES = settings.STORAGES | {"default": env.s3_storage(server.url)}
        picture_files._failures.cache_clear()
        browser = browser_of(mei)
        assert send(browser, encoded(gradient())).status_code == 201
        assert send(browser, encoded(gradient())).status_code == 201
        picture = Picture.objects.get()
        assert set(server.objects) == {f"pictures/{picture.sha256[:2]}{address(picture)[9:]}"}
        assert [method for method, *_ in server.requests].count("PUT") == 1
        sent = body(browser.get(address(picture)))
        assert sent == next(iter(server.objects.values())) and decoded(sent).size == (40, 30)
        server.broken = True
        assert browser.get(address(picture)).status_code == 503
        away = send(browser, encoded(gradient(9, 9)))
        assert away.json()["code"] == "pictures-away" and Picture.objects.count() == 1
        server.broken = False
        step_clock(DAY + 60)
        assert service.delete_unused() == 1 and not server.objects
        assert browser.get(address(picture)).status_code == 404
    picture_files._failures.cache_clear()


@pytest.mark.parametrize(
    "url",
    [
        "s3://KEY:SECRET@host/bucket",
        "https://KEY:SECRET@host/",
        "https://KEY:SECRET@host/a/b",
        "https://KEY@host/bucket",
        "https://KEY:SECRET@host/bucket?x=1",
        "https://KEY:SECRET@[host/bucket",
        "https://KEY:SECRET@host:99999/bucket",
    ],
)
def test_an_address_of_a_bucket_that_will_not_do_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(env.BadSetting, match="BUCKET_URL") as refused:
        env.s3_storage(url)
    assert "SECRET@host" not in str(refused.value).replace("KEY:SECRET@s3", "").replace(
        "KEY:SECRET@server", ""
    )


def test_a_bucket_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3.s3.transfer", None)
    with pytest.raises(env.BadSetting, match=r"pip install -r requirements-s3\.txt"):
        env.s3_storage("https://KEY:SECRET@host/bucket")


def test_json_is_what_scripts_ask_for(mei: User) -> None:
    assert browser_of(mei).post(UPLOAD, headers=JSON).json()["code"] == "bad-request"
