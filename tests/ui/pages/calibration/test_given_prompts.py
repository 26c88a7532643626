"""The prompts that a visitor types or uploads."""

import pytest

from stability.errors import StabilityError
from stability.ui.pages.calibration.given_prompts import read_upload


def test_an_upload_that_cannot_be_read_is_called_by_its_name():
    for name, data in (("mine.csv", b"\xff\xfe"), ("mine.docx", b"text")):
        with pytest.raises(StabilityError, match=f"'{name}'") as refused:
            read_upload(name, data)
        assert "/" not in str(refused.value)
