"""Takes a picture of the page that dashboard.py renders: with Chromium, as a PNG of at most 256 colours.

Usage: picture.py PAGE PICTURE.
"""

import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from pathlib import Path

# A picture that is larger does not belong in the repository.
MOST_BYTES = 200_000


def screenshot(page: Path, folder: str) -> bytes:
    width, height = re.search(r'class="page" style="width: (\d+)px; height: (\d+)px', page.read_text()).groups()
    target = Path(folder) / "page.png"
    command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--log-level=3"]
    size = f"--window-size={int(width) + 16},{int(height) + 50}"
    subprocess.run([*command, size, f"--screenshot={target}", page.as_uri()], check=True, stderr=subprocess.DEVNULL)
    return target.read_bytes()


def rows_of(png: bytes) -> list[list[tuple]]:
    """The pixels of a PNG as Chromium writes it: eight bits, without interlacing."""
    chunks, at = {}, 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        chunks[name] = chunks.get(name, b"") + png[at + 8 : at + 8 + length]
        at += length + 12
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    channels = {2: 3, 6: 4}[kind]
    assert (depth, interlace) == (8, 0)
    data, before, rows = zlib.decompress(chunks[b"IDAT"]), bytearray(width * channels), []
    for number in range(height):
        start = number * (width * channels + 1)
        line = bytearray(data[start + 1 : start + 1 + width * channels])
        unfilter(data[start], line, before, channels)
        rows.append([tuple(line[each : each + 3]) for each in range(0, len(line), channels)])
        before = line
    return rows


def unfilter(kind: int, line: bytearray, above: bytearray, channels: int) -> None:
    for at in range(len(line)):
        left = line[at - channels] if at >= channels else 0
        corner = above[at - channels] if at >= channels else 0
        line[at] = (line[at] + predicted(kind, left, above[at], corner)) & 255


def predicted(kind: int, left: int, above: int, corner: int) -> int:
    match kind:
        case 0:
            return 0
        case 1:
            return left
        case 2:
            return above
        case 3:
            return (left + above) // 2
    estimate = left + above - corner
    return min((left, above, corner), key=lambda each: abs(estimate - each))


def indexed(rows: list[list[tuple]]) -> bytes:
    """A PNG with the colours that occur most; any other becomes the nearest of them."""
    counted = Counter(pixel for row in rows for pixel in row)
    palette = [color for color, _ in counted.most_common(256)]
    distance = lambda one, other: sum((a - b) ** 2 for a, b in zip(one, other, strict=True))  # noqa: E731
    place = {color: number for number, color in enumerate(palette)}
    for color in counted.keys() - place.keys():
        place[color] = min(range(len(palette)), key=lambda number: distance(color, palette[number]))
    lines = b"".join(b"\0" + bytes(place[pixel] for pixel in row) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", bytes(sum(palette, ()))), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in parts)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def main() -> int:
    page, picture = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="drover-") as folder:
        png = indexed(rows_of(screenshot(page, folder)))
    if len(png) > MOST_BYTES:
        sys.exit(f"the picture has {len(png)} bytes, more than {MOST_BYTES}")
    picture.write_bytes(png)
    print(f"{picture}: {len(png)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
