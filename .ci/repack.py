"""Packs archives again so that equal contents give equal bytes.

Usage: repack.py ARCHIVE...     each a .tar.gz, .tgz, .whl, .jar or .zip, in place

Members are sorted, and as old as SOURCE_DATE_EPOCH says; they belong to root, and keep of their
permissions only whether they may be run. Nothing tells when or where they were packed.
"""

import gzip
import io
import os
import pathlib
import sys
import tarfile
import time
import zipfile

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])


def tar(content):
    """Return a gzipped tar archive with the members of another."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as old:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as new:
            for member in sorted(old.getmembers(), key=lambda one: one.name):
                member.mtime, member.pax_headers = EPOCH, {}
                member.uid = member.gid = 0
                member.uname = member.gname = "root"
                member.mode = 0o755 if member.mode & 0o100 or member.isdir() else 0o644
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return gzip.compress(packed.getvalue(), mtime=EPOCH)


def zip_(content):
    """Return a zip archive with the members of another."""
    packed = io.BytesIO()
    date = time.gmtime(max(EPOCH, 315532800))[:6]  # zip begins in 1980
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        # A manifest comes first, as some readers of jars want.
        members = sorted(
            old.infolist(), key=lambda one: (one.filename != "META-INF/MANIFEST.MF", one.filename)
        )
        for member in members:
            info = zipfile.ZipInfo(member.filename, date)
            info.compress_type = zipfile.ZIP_DEFLATED
            runs = member.external_attr >> 16 & 0o100 or member.is_dir()
            kind = 0o040000 if member.is_dir() else 0o100000
            info.external_attr = (kind | (0o755 if runs else 0o644)) << 16
            new.writestr(info, old.read(member))
    return packed.getvalue()


def main():
    """Pack all again."""
    for name in sys.argv[1:]:
        path = pathlib.Path(name)
        pack = tar if path.name.endswith((".tar.gz", ".tgz")) else zip_
        path.write_bytes(pack(path.read_bytes()))


if __name__ == "__main__":
    main()
