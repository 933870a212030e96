"""A file from the web: resumed where it broke off, tried again, never half there under its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ctnlp.errors import FetchError

__all__ = ["ATTEMPTS", "download"]

ATTEMPTS: Final = 5
_TIMEOUT: Final = 30.0
"""Seconds without a byte after which a connection counts as lost."""


class _Broken(Exception):
    """Worth another try: the connection broke, or the server is busy."""


def download(
    url: str, target: Path, *, wait: float = 1.0, on_bytes: Callable[[int], None] = lambda count: None
) -> Path:
    """Fetch `url` into `target`, unless it is there; its folder is made.

    What has come is kept in `<target>.part` and continued, now or in a later call, if the server can continue it and
    still has the same file; else it starts anew. After a break it tries again, `ATTEMPTS` times in all, after `wait`,
    2 `wait`, 4 `wait` ... seconds. `on_bytes` hears how many bytes came. Raises `FetchError` with the reason.
    """
    import tenacity

    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    again = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=wait, max=60),
        retry=tenacity.retry_if_exception_type(_Broken),
        reraise=True,
    )
    try:
        again(_continue, url, part, on_bytes)
    except _Broken as error:
        raise FetchError(
            f"{url}: {error}, {ATTEMPTS} times; {part.stat().st_size if part.is_file() else 0:,} bytes are kept, and "
            "the next try goes on from there"
        ) from error
    part.replace(target)
    part.with_name(f"{part.name}.etag").unlink(missing_ok=True)
    return target


def _continue(url: str, part: Path, on_bytes: Callable[[int], None]) -> None:
    """One try: the rest of the file after what `part` has, or all of it."""
    import httpx

    mark = part.with_name(f"{part.name}.etag")
    have = part.stat().st_size if part.is_file() and mark.is_file() else 0
    # Uncompressed on the way, or lengths would not be those of the file.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.read_text(encoding="utf-8")}
    try:
        with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
                raise _Broken("the server has no more bytes than are here, though the file was not complete")
            _refuse(url, response.status_code)
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            tag = response.headers.get("etag")
            # A weak tag promises like content, not the same bytes.
            if tag and not tag.startswith("W/"):
                mark.write_text(tag, encoding="utf-8")
            else:
                mark.unlink(missing_ok=True)
            with part.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    on_bytes(len(chunk))
    except httpx.HTTPError as error:
        raise _Broken(f"the connection broke ({error or type(error).__name__})") from error


def _refuse(url: str, status: int) -> None:
    if status in (200, 206):
        return
    if status in (408, 425, 429) or status >= 500:
        raise _Broken(f"the server answered {status}")
    raise FetchError(f"{url}: the server answered {status}; the file may have moved")
