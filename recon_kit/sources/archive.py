"""Zip and gzip → the bytes of their members: nothing is extracted to disk, and a bomb is refused before it goes off."""

from __future__ import annotations

import gzip
import io
import itertools
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from recon_kit.errors import SourceError

MAX_MEMBERS, MAX_BYTES, MAX_RATIO = 200, 200 << 20, 200
"""Of an archive: members, bytes that all of them unpack to, and unpacked bytes for each packed one."""
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".heic"))
PASSED_OVER_SUFFIXES = PICTURES | frozenset(
    (".pdf", ".md", ".toml", ".html", ".ini", ".url", ".lnk", ".doc", ".docx", ".pptx", ".py", ".ipynb")
)
PASSED_OVER_NAMES = {".ds_store", "thumbs.db", "desktop.ini", "answer_key.csv", "casebook.json"}


def open_zip(path: Path, name: str) -> zipfile.ZipFile:
    """Open a zip whose member names may be GBK without the UTF-8 flag, as Alipay writes them."""
    for encoding in ("utf-8", "gb18030", "cp437"):
        try:
            return zipfile.ZipFile(path, metadata_encoding=encoding)
        except UnicodeDecodeError:
            continue
        except zipfile.BadZipFile as error:
            raise SourceError(f"{name}: the zip file is broken ({error}); expected a whole archive; download it again") from None
    raise SourceError(f"{name}: member names are in no known encoding; unpack the archive and put its files here")


def refuse_bomb(members: Sequence[zipfile.ZipInfo], name: str) -> None:
    """Refuse too many members, members that share packed bytes, and more unpacked bytes than fit."""
    by_place = sorted(members, key=lambda m: m.header_offset)
    overlap = any(a.header_offset + a.compress_size >= b.header_offset for a, b in itertools.pairwise(by_place))
    if len(members) > MAX_MEMBERS or overlap:
        raise SourceError(
            f"{name}: {len(members)} members, some overlapping or too many; expected at most {MAX_MEMBERS} files; repack it"
        )
    total = sum(m.file_size for m in members)
    if total > MAX_BYTES:
        raise SourceError(
            f"{name}: unpacks to {total >> 20} MB; expected at most {MAX_BYTES >> 20} MB; "
            "unpack it yourself and put the files here"
        )


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    """The bytes of one member; SourceError for what is encrypted, points elsewhere, swells too much or is an archive itself."""
    where = f"{name}!{member.filename}"
    if member.flag_bits & 1:
        raise SourceError(
            f"{where}: the member is encrypted; expected an archive without a password; unpack it and put the files here"
        )
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if ".." in parts or member.filename.startswith(("/", "\\")) or (member.external_attr >> 16) & 0o170000 == 0o120000:
        raise SourceError(f"{where}: a member may not be a link or point outside the archive; repack it with plain file names")
    if member.file_size > MAX_RATIO * max(member.compress_size, 1024):
        raise SourceError(
            f"{where}: unpacks to {member.file_size >> 20} MB from {member.compress_size >> 10} KB; expected at most "
            f"{MAX_RATIO} times the packed size; unpack it yourself and put the files here"
        )
    try:
        data = archive.read(member)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise SourceError(f"{where}: the member cannot be unpacked ({error}); download the archive again") from None
    if data.startswith(b"\x1f\x8b"):
        raise SourceError(f"{where}: an archive inside an archive; expected tables in it; unpack it and put its files here")
    return data


def gunzip(data: bytes, name: str) -> bytes:
    """The unpacked bytes; SourceError for a broken file and for one that unpacks to more than MAX_BYTES."""
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            text = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{name}: the gzip file is broken ({error}); expected a whole .gz file; download it again") from None
    if len(text) > MAX_BYTES:
        raise SourceError(f"{name}: unpacks to more than {MAX_BYTES >> 20} MB; unpack it yourself and put the text file here")
    return text


def is_passed_over(path: PurePosixPath | Path) -> bool:
    """Whether a file is no data by its name: office lock files, system files, PDFs, pictures, notes, hidden files."""
    name = path.name.lower()
    return (
        name.startswith((".", "~$", "readme"))
        or name in PASSED_OVER_NAMES
        or path.suffix.lower() in PASSED_OVER_SUFFIXES
        or "__macosx" in (part.lower() for part in path.parts)
    )
