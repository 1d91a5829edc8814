"""Archives: what lies in them, and what they would do when unpacked."""

import gzip
import io
import re
import struct
import zipfile

import pytest

from tests.hostile.builders import bill, collected_from, outcome_of, put, row, zipped

ONE, TWO = bill(row(1)), bill(row(2))


def flagged(data: bytes) -> bytes:
    """The archive with the bit that says its members are encrypted."""
    changed = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        changed[changed.index(mark) + offset] |= 1
    return bytes(changed)


def link() -> bytes:
    """A member that is a symbolic link to a file outside."""
    member = zipfile.ZipInfo("a.csv")
    member.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def overlapping(shift: int) -> bytes:
    """Two directory entries over the same packed bytes: the second one's header lies `shift` bytes behind the first one's."""
    data = bytearray(zipped({"a.csv": ONE, "b.csv": TWO}))
    entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[entry + 42 : entry + 46] = struct.pack("<I", shift)
    return bytes(data)


def lying() -> bytes:
    """A member that states a hundredth of the size it unpacks to."""
    data = bytearray(zipped({"a.csv": bill(*(row(n) for n in range(100)))}))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(mark) + offset
        data[place : place + 4] = struct.pack("<I", 80)
    return bytes(data)


CASES = {
    "two bills": ({"a.zip": zipped({"a.csv": ONE, "b.csv": TWO})}, "accept", ""),
    "a bill in a folder": ({"a.zip": zipped({"十月/a.csv": ONE, "说明.pdf": "x", "__MACOSX/._a.csv": "x"})}, "accept", ""),
    "an encrypted member": ({"a.zip": flagged(zipped({"a.csv": ONE}))}, "reject", r"a\.zip!a\.csv: the member is encrypted"),
    "a path that leaves the archive": ({"a.zip": zipped({"../a.csv": ONE})}, "reject", "point outside the archive"),
    "a path from the root": ({"a.zip": zipped({"/etc/a.csv": ONE})}, "reject", "point outside the archive"),
    "a path as Windows writes it": ({"a.zip": zipped({"..\\a.csv": ONE})}, "reject", "point outside the archive"),
    "a link": ({"a.zip": link()}, "reject", "may not be a link"),
    "two entries over the same bytes": ({"a.zip": overlapping(0)}, "reject", "some overlapping"),
    "an entry inside another one's bytes": ({"a.zip": overlapping(30)}, "reject", "some overlapping"),
    "a member that swells two hundred times": ({"a.zip": zipped({"a.csv": b"0" * 3_000_000})}, "reject", "unpacks to 2 MB"),
    "a member larger than it says": ({"a.zip": lying()}, "reject", r"a\.zip!a\.csv: the member cannot be unpacked"),
    "201 members": ({"a.zip": zipped({f"{n}.csv": ONE for n in range(201)})}, "reject", "201 members"),
    "members that come to more than 200 MB": (
        {"a.zip": zipped({f"{n}.csv": b"0" * (70 << 20) for n in range(3)})},
        "reject",
        "unpacks to 210 MB; expected at most 200 MB",
    ),
    "names in no encoding": ({"a.zip": zipped({"a.csv": ONE}).replace(b"a.csv", b"\xff\x81.cs")}, "accept", ""),
    "an archive in an archive": (
        {"a.zip": zipped({"b.zip": zipped({"a.csv": ONE})})},
        "reject",
        r"a\.zip!b\.zip: an archive inside an archive",
    ),
    "a gzip in an archive": ({"a.zip": zipped({"a.csv.gz": gzip.compress(ONE.encode())})}, "reject", "archive inside an archive"),
    "an archive that was cut": ({"a.zip": zipped({"a.csv": ONE})[:-30]}, "reject", r"a\.zip: the zip file is broken"),
    "an empty archive": ({"a.zip": zipped({})}, "accept", ""),
    "gzip": ({"a.csv.gz": gzip.compress(ONE.encode())}, "accept", ""),
    "gzip that was cut": ({"a.csv.gz": gzip.compress(ONE.encode())[:-9]}, "reject", "the gzip file is broken"),
    "a name that is no file name": ({"a.zip": zipped({"a[1]*?.csv": ONE, "http://a.example/b.csv": TWO})}, "accept", ""),
}


@pytest.mark.parametrize(("files", "outcome", "says"), CASES.values(), ids=CASES)
def test_the_archive_ends_as_stated(tmp_path, files, outcome, says):
    found, said = outcome_of(put(tmp_path, files))

    assert found == outcome, said
    assert re.search(says, said)


def test_both_bills_of_an_archive_are_read_and_named(tmp_path):
    collected = collected_from(put(tmp_path, {"a.zip": zipped({"a.csv": ONE, "b.csv": TWO})}))

    assert collected.intake.select("file", "rows_loaded").rows() == [("a.zip!a.csv", 1), ("a.zip!b.csv", 1)]


def test_nothing_is_written_beside_an_archive(tmp_path):
    outcome_of(put(tmp_path / "data", {"a.zip": zipped({"../b.csv": ONE, "c.csv": TWO})}))

    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["data", "a.zip"]
