"""Files of up to 30 MB that are made to hurt: seconds and memory of reading each in a process of its own (on Linux).

`python -m benchmarks.hostile [part of a name]`.
The promise is at most 5 s and 600 MB for any of them, whether it is read, set aside or refused.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

MB = 1 << 20
SIZE = 30 * MB
LIMIT_SECONDS, LIMIT_MB, KILL_AFTER = 5.0, 600.0, 60.0
HEADER = "商户订单号,发生时间,收入金额（+元）,支出金额（-元）,账务类型,备注,业务描述\n".encode()
ROW = "261009-{:015d},2026-10-09 12:00:00,0,-5.00,交易退款,-,0020002|交易退款-订单退款\n"
NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
CHILD = """
import re, sys, time
began = time.perf_counter()
from pathlib import Path
from recon_kit.cli.check import check
code = check([Path(sys.argv[1])]).exit_code
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())  # ru_maxrss would count this process's parent
print(time.perf_counter() - began, int(peak[1]) / 1024, code)
"""


def rows(size: int) -> bytes:
    """A bill of about so many bytes."""
    return HEADER + "".join(ROW.format(n) for n in range(size // 97)).encode()


def zipped(members: dict[str, bytes], level: int = 6) -> bytes:
    """A zip of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def workbook(sheet: bytes, strings: bytes = b"", *, level: int = 6) -> bytes:
    """A workbook of one sheet's rows and of shared strings."""
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = "".join(
        f'<Override PartName="/xl/{part}" ContentType="{spreadsheet}.{kind}+xml"/>'
        for part, kind in (
            ("workbook.xml", "sheet.main"),
            ("worksheets/sheet1.xml", "worksheet"),
            ("sharedStrings.xml", "sharedStrings"),
        )
    )
    links = "".join(
        f'<Relationship Id="r{n}" Type="{kinds}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate((("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")), 1)
    )
    members = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types"><Default Extension="rels" ContentType="application/'
        f'vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r1" Type="{kinds}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships">{links}</Relationships>',
        "xl/workbook.xml": f'<workbook {NAMESPACE.decode()} xmlns:r="{kinds}"><sheets>'
        '<sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
    }
    parts = {name: text.encode() for name, text in members.items()}
    parts["xl/sharedStrings.xml"] = b"<sst " + NAMESPACE + b">" + strings + b"</sst>"
    parts["xl/worksheets/sheet1.xml"] = b"<worksheet " + NAMESPACE + b"><sheetData>" + sheet + b"</sheetData></worksheet>"
    return zipped(parts, level)


def ordinary_sheet(size: int) -> bytes:
    """Rows of an ordinary export as inline numbers and shared text, until the XML is so large."""
    height = size // 420
    lines = []
    for n in range(2, height):
        cells = "".join(f'<c r="{letter}{n}"><v>{n * 7919 % 99991}.{n % 100:02d}</v></c>' for letter in "ABCDEFGHIJKL")
        lines.append(f'<row r="{n}">{cells}</row>')
    return "".join(lines).encode()


COLUMNS = ",".join(f"列{n}" for n in range(10_000)).encode()
SHAPES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "an ordinary bill": (".csv", lambda: rows(SIZE)),
    "quotation marks": (".csv", lambda: HEADER + b'"' * SIZE),
    "quotation marks, no header": (".csv", lambda: b'"' * SIZE),
    "line ends": (".csv", lambda: HEADER + b"\n" * SIZE),
    "commas in one row": (".csv", lambda: HEADER + b"," * SIZE),
    "commas, no header": (".csv", lambda: b"," * SIZE),
    "rows of commas": (".csv", lambda: HEADER + b",,,,,,\n" * (SIZE // 7)),
    "one cell": (".csv", lambda: HEADER + b"x" * SIZE),
    "quoted line ends": (".csv", lambda: HEADER + b'"\n"' * (SIZE // 3)),
    "rows of quoted line ends": (".csv", lambda: HEADER + b'"\n"\n' * (SIZE // 4)),
    "one quotation over every line": (".csv", lambda: HEADER + b'"' + ROW.format(1).encode() * (SIZE // 97)),
    "a quotation mark in every row": (".csv", lambda: rows(SIZE).replace(b",-,", b',6" x,')),
    "the shortest rows": (".csv", lambda: HEADER + b"1,1,1,1,1,1,1\n" * (SIZE // 14)),
    "rows that are all at fault": (".csv", lambda: rows(SIZE).replace(b"-5.00", b"-5.001")),
    "10,000 columns, 1,000 rows": (
        ".csv",
        lambda: HEADER[:-1] + b"," + COLUMNS + b"\n" + (ROW.format(1).encode()[:-1] + b",12" * 10_000 + b"\n") * 1000,
    ),
    "10,000 unknown columns": (".csv", lambda: (COLUMNS + b"\n") * 300),
    "UTF-16": (".csv", lambda: rows(SIZE // 2).decode().encode("utf-16")),
    "GB18030": (".csv", lambda: rows(SIZE).decode().encode("gb18030")),
    "gzip of 2 GB": (".csv.gz", lambda: gzip.compress(b"0" * (2000 * MB), 1)),
    "gzip of a bill of 100 MB": (".csv.gz", lambda: gzip.compress(rows(100 * MB), 1)),
    "zip of a bill of 100 MB": (".zip", lambda: zipped({"a.csv": rows(100 * MB)}, 1)),
    "zip of 20 members of 100 MB": (".zip", lambda: zipped({f"{n}.csv": b"0" * (100 * MB) for n in range(20)}, 1)),
    "sheet: an ordinary one of 200 MB": (".xlsx", lambda: workbook(ordinary_sheet(200 * MB), level=1)),
    "sheet: a million cells in a row": (".xlsx", lambda: workbook(b'<row r="1">' + b"<c><v>1</v></c>" * 1_000_000 + b"</row>")),
    "sheet: the last corner": (".xlsx", lambda: workbook(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')),
    "sheet: a shared text a million times": (
        ".xlsx",
        lambda: workbook(
            b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 1_000_001)),
            b"<si><t>" + b"x" * 32_000 + b"</t></si>",
        ),
    ),
    "sheet: tags within tags": (".xlsx", lambda: workbook(b"<a>" * 2_000_000 + b"</a>" * 2_000_000)),
    "sheet: one text of 100 MB": (
        ".xlsx",
        lambda: workbook(b'<row r="1"><c r="A1" t="inlineStr"><is><t>' + b"xyz" * (33 * MB) + b"</t></is></c></row>"),
    ),
}


def measure(path: Path) -> tuple[float, float, str]:
    """Seconds, peak MB and how it ended (exit code of check, `killed` after KILL_AFTER, or `died`)."""
    try:
        command = [sys.executable, "-c", CHILD, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=KILL_AFTER, check=False)
    except subprocess.TimeoutExpired:
        return KILL_AFTER, 0.0, "killed"
    if done.returncode:
        return 0.0, 0.0, "died"
    seconds, peak, code = done.stdout.split()
    return float(seconds), float(peak), {"0": "read", "1": "read, with problems", "2": "refused"}[code]


def measure_all(wanted: str = "") -> bool:
    """Print a line per shape whose name holds `wanted`; whether each kept to the limits."""
    kept = True
    with tempfile.TemporaryDirectory(prefix="recon-hostile-") as folder:
        for name, (suffix, make) in SHAPES.items():
            if wanted not in name:
                continue
            path = Path(folder) / f"a{suffix}"
            path.write_bytes(make())
            seconds, peak, ended = measure(path)
            is_kept = seconds <= LIMIT_SECONDS and peak <= LIMIT_MB and ended not in ("killed", "died")
            kept &= is_kept
            size = path.stat().st_size / MB
            print(
                f"{name:40} {size:5.1f} MB  {seconds:5.1f} s  {peak:6.0f} MB  {ended}{'' if is_kept else '   OVER'}", flush=True
            )
            path.unlink()
    return kept


if __name__ == "__main__":
    sys.exit(not measure_all(*sys.argv[1:]))
