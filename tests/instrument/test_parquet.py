"""Parquet files that are written in the browser, read by another's reader."""

import io
from base64 import b64decode

import pytest
from pyarrow import parquet

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WRITE = """async ([columns, metadata]) => {
    const { parquet } = await import("/parquet.js");
    const bytes = parquet(columns, metadata);
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
TEXTS = ["␣Paris", None, '🎭 \n"x",', "", None]
NUMBERS = [0.1, None, -1e-300, 1 / 3, 2.0**60]
IDS = [0, 2**31 - 1, None, None, -1]


def read(blank, columns, metadata):
    written = blank.evaluate(WRITE, [columns, metadata])
    return parquet.read_table(io.BytesIO(b64decode(written)))


def column(name, kind, values):
    return {"name": name, "type": kind, "values": values}


def test_every_value_is_read_as_it_was(blank):
    columns = [
        column("text", "text", TEXTS),
        column("kl", "number", NUMBERS),
        column("id", "integer", IDS),
    ]
    table = read(blank, columns, {"model": "é\n", "link": "x" * 1000})
    assert table.to_pydict() == {"text": TEXTS, "kl": NUMBERS, "id": IDS}
    assert table.schema.metadata == {b"model": "é\n".encode(), b"link": b"x" * 1000}
    assert [str(field.type) for field in table.schema] == ["string", "double", "int32"]


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 8191])
def test_a_table_of_any_length_and_many_columns(blank, rows):
    values = [float(i) if i % 3 else None for i in range(rows)]
    table = read(blank, [column(f"c{i}", "number", values) for i in range(16)], {})
    assert table.num_columns == 16
    assert table.column("c7").to_pylist() == values
