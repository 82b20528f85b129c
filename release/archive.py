"""Archives that are the same, bit by bit, whoever makes them: sorted, with one time, one owner and fixed modes.

Usage: archive.py FOLDER FILE.tar.gz, with the time in SOURCE_DATE_EPOCH.
"""

import gzip
import io
import os
import sys
import tarfile
import time
import zipfile
from pathlib import Path

# The earliest time that a zip can hold, and that of an archive of no commit.
EARLIEST = 315532800


def write_zip(file: Path, members: dict[str, Path], seconds: int) -> None:
    """A zip of executables, as Lambda unpacks it."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, path in sorted(members.items()):
            member = zipfile.ZipInfo(name, time.gmtime(max(seconds, EARLIEST))[:6])
            member.create_system, member.external_attr = 3, 0o100755 << 16
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def write_tar(file: Path, folder: Path, seconds: int) -> None:
    """A tar.gz of a folder, under its name. A file is executable if its owner may execute it."""
    with file.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for path in [folder, *sorted(folder.rglob("*"))]:
                member = tarfile.TarInfo(str(path.relative_to(folder.parent)))
                member.mtime = seconds
                if path.is_dir():
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(member)
                    continue
                content = path.read_bytes()
                member.size, member.mode = len(content), 0o755 if os.access(path, os.X_OK) else 0o644
                archive.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    write_tar(Path(sys.argv[2]), Path(sys.argv[1]), int(os.environ.get("SOURCE_DATE_EPOCH", EARLIEST)))
