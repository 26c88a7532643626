"""The command line, refused as a person sees it."""

import pytest

from stability import cli


def refusal(arguments, capsys):
    """Run a command that is refused: one line on standard error, status 2, and nothing else."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert err.startswith("stability: ")
    assert err.splitlines(keepends=True) == [err]
    return err
