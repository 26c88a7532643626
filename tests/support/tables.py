"""Rows of a sweep, compared between processes."""

import numpy as np
import pyarrow as pa


def assert_same(table: pa.Table, expected: pa.Table) -> None:
    """Row by row; another process may have another number of threads, and sum in another order."""
    assert table.schema == expected.schema
    assert table.num_rows == expected.num_rows
    for field in table.schema:
        column, known = (rows[field.name].combine_chunks() for rows in (table, expected))
        if pa.types.is_floating(field.type):
            assert column.is_null().equals(known.is_null())
            # logits of size ten in float32 err by 1e-6, and flips are quotients of their differences
            np.testing.assert_allclose(
                column.drop_null(), known.drop_null(), rtol=1e-3, atol=1e-5, err_msg=field.name
            )
        else:
            assert column.equals(known), field.name
