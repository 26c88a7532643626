"""Prompts from files: every format, rows that hold none, and files that hold none."""

import csv
import json
from collections import Counter
from io import BytesIO, StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.states import properties

from stability.errors import StabilityError
from stability.prediction.conversation import Conversation
from stability.reproduction.settings import PROMPTS
from stability.sweeps.prompts import Prompt, read_prompts

SHIPPED = PROMPTS
TEXTS = st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=4)
# whatever a reader may take for the end of a line
ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters=ENDS), min_size=1).filter(str.strip),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The prompts of a file with the given name and content."""
    folder = tmp_path_factory.mktemp("prompts")

    def read(name: str, content: str | bytes) -> list[Prompt]:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_prompts(path)

    return read


def as_csv(rows: list[list[str]]) -> str:
    file = StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return file.getvalue()


def as_parquet(**columns: list) -> bytes:
    file = BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def texts(prompts: list[Prompt]) -> list[str | None]:
    return [prompt.text for prompt in prompts]


# --- every format ---------------------------------------------------------------------------------


@properties(50)
@given(lines=LINES)
def test_every_line_of_a_text_file_is_a_prompt_as_it_is(read, lines):
    prompts = read("some.txt", "\n".join(lines))
    assert prompts == [Prompt(index, str(index), line) for index, line in enumerate(lines)]


@properties(50)
@given(lines=TEXTS)
def test_any_text_survives_jsonl_csv_and_parquet(read, lines):
    bare = "\n".join(json.dumps(text) for text in lines)
    rows = "\n".join(json.dumps({"text": text}) for text in lines)
    table = as_csv([["text"], *([text] for text in lines)])
    expected = [Prompt(index, str(index), text) for index, text in enumerate(lines)]
    for name, content in (
        ("bare.jsonl", bare),
        ("rows.jsonl", rows),
        ("some.csv", table),
        ("some.parquet", as_parquet(text=lines)),
    ):
        assert read(name, content) == expected


@pytest.mark.parametrize("field", ["text", "prompt"])
def test_the_text_is_in_either_field(read, field):
    for name, content in (
        ("some.jsonl", json.dumps({"other": "no", field: "yes"})),
        ("some.csv", f"other,{field}\nno,yes\n"),
        ("some.parquet", as_parquet(**{"other": ["no"], field: ["yes"]})),
    ):
        assert texts(read(name, content)) == ["yes"]


def test_where_both_fields_are_there_it_is_text(read):
    both = {"prompt": "no", "text": "yes"}
    assert texts(read("some.jsonl", json.dumps(both))) == ["yes"]
    assert texts(read("some.csv", "prompt,text\nno,yes\n")) == ["yes"]
    assert texts(read("some.parquet", as_parquet(prompt=["no"], text=["yes"]))) == ["yes"]


def test_the_path_to_a_parquet_file_makes_no_column(tmp_path):
    path = tmp_path / "text=no" / "some.parquet"
    path.parent.mkdir()
    path.write_bytes(as_parquet(prompt=["yes"]))
    assert texts(read_prompts(path)) == ["yes"]


def test_names_and_kinds_are_kept_and_a_row_without_a_name_has_its_place(read):
    rows = [{"id": "x-1", "kind": "fact", "text": "a"}, {"id": 7, "kind": 3, "text": "b"}]
    expected = [Prompt(0, "x-1", "a", "fact"), Prompt(1, "7", "b", "3"), Prompt(2, "2", "c")]
    lines = [json.dumps(row) for row in (*rows, {"text": "c", "id": None, "kind": None})]
    assert read("some.jsonl", "\n".join(lines)) == expected
    columns = {"id": ["x-1", "7", None], "kind": ["fact", "3", None], "text": ["a", "b", "c"]}
    assert read("some.parquet", as_parquet(**columns)) == expected
    [first, second, third] = read("some.csv", "kind,text,id\nfact,a,x-1\n3,b,7\n,c,\n")
    assert [first, second] == expected[:2]
    assert third.id == "2"


def test_blank_lines_are_no_prompts(read):
    expected = [Prompt(0, "0", "a"), Prompt(1, "1", "b")]
    assert read("some.txt", "\n  \na\n\t\n\nb\n\n") == expected
    assert read("some.jsonl", '\n"a"\n  \n\n{"text": "b"}\n') == expected
    assert read("some.csv", "text\n\na\n\nb\n\n") == expected


def test_a_csv_may_have_a_byte_order_mark_and_quoted_lines_quotes_and_commas(read):
    content = '\ufefftext,kind\r\n"two\r\nlines, ""quoted""",x\r\nplain,y\r\n'
    assert read("some.csv", content) == [
        Prompt(0, "0", 'two\r\nlines, "quoted"', "x"),
        Prompt(1, "1", "plain", "y"),
    ]


def test_the_ending_of_a_name_may_be_in_capitals(read):
    assert texts(read("SOME.JSONL", '"a"')) == ["a"]


# --- rows that hold no prompt ---------------------------------------------------------------------

BAD_ROWS = {
    "not JSON": ("{text: a}", "this line is no JSON: '{text: a}'"),
    "half a line": ('{"text": "a', "this line is no JSON: "),
    "no text": ('{"words": "a"}', "a row needs a text; received {'words': 'a'}"),
    "null": ('{"text": null}', "a row needs a text; received {'text': None}"),
    "a number": ('{"text": 5}', "a row needs a text; received {'text': 5}"),
    "a list": ('["a"]', "a row needs a text; received ['a']"),
    "a bare number": ("5", "a row needs a text; received 5"),
    "empty": ('{"text": ""}', "a prompt needs some text; received ''"),
    "blank": ('{"text": " \\n\\t"}', r"a prompt needs some text; received ' \n\t'"),
    "blank, bare": ('" "', "a prompt needs some text; received ' '"),
    "a lone surrogate": (
        '{"text": "a\\ud800"}',
        r"a row must have a UTF-8 form; received {'text': 'a\ud800'",
    ),
}


@pytest.mark.parametrize(("line", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_of_jsonl_is_kept_with_its_reason_and_spoils_no_other(read, line, reason):
    before, bad, after = read("some.jsonl", f'"a"\n{line}\n"b"\n')
    assert (before, after) == (Prompt(0, "0", "a"), Prompt(2, "2", "b"))
    assert (bad.index, bad.id, bad.text) == (1, "1", None)
    assert bad.reason.startswith(reason)
    bad.reason.encode()  # it goes into a file


def test_a_pair_of_surrogates_is_a_character(read):
    assert texts(read("some.jsonl", r'{"text": "\ud83d\ude00"}')) == ["\U0001f600"]


def test_a_bad_row_keeps_its_name_and_kind(read):
    _, bad = read("some.jsonl", '"a"\n{"id": "x", "kind": "fact", "text": ""}')
    assert (bad.id, bad.kind, bad.text) == ("x", "fact", None)


def test_a_bad_row_of_csv_or_parquet_is_kept_with_its_reason(read):
    short, blank, good = read("some.csv", "id,text\n1\n2, \n3,a\n")
    assert [prompt.id for prompt in (short, blank, good)] == ["1", "2", "3"]
    assert short.reason.startswith("a row needs a text; received {'id': '1'")
    assert blank.reason == "a prompt needs some text; received ' '"
    assert good == Prompt(2, "3", "a")
    null, good = read("some.parquet", as_parquet(text=[None, "a"]))
    assert null.reason == "a row needs a text; received {'text': None}"
    assert good == Prompt(1, "1", "a")


def test_a_row_of_csv_with_more_fields_than_the_header_is_kept_with_its_reason(read):
    """As of a comma in a text that is not quoted: half a text would be measured in silence."""
    comma, empty, good = read("some.csv", "id,text\n1,hello, world\n2,a,,\n3,b\n")
    assert (comma.text, comma.id) == (None, "0")
    assert comma.reason == "this row has more fields than the header: [' world']"
    assert (empty.text, good.text) == ("a", "b")


STRAY_QUOTES = {
    "to the end": (
        'id,text\n1,a lamp\n2,"by the window\n3,hums\n',
        "line 3 a quote is not closed",
    ),
    "to the next": ('text\na\n"by the\nwindow "hums\n', "line 3 a quote"),
    "in a first row": ('text\n"a" lamp\n', "line 2 a quote"),
    "in the header": ('id,"text\n1,a lamp\n', "line 1 a quote"),
}


@pytest.mark.parametrize(("content", "words"), STRAY_QUOTES.values(), ids=STRAY_QUOTES)
def test_a_quote_of_csv_that_is_not_closed_is_refused_with_its_line(tmp_path, content, words):
    (tmp_path / "some.csv").write_text(content, encoding="utf-8")
    assert f"is not (in the row that begins at {words}" in refusal(tmp_path / "some.csv")


def test_a_reason_is_short_however_long_the_row(read):
    _, bad = read("some.jsonl", '"a"\n' + json.dumps({"words": "b" * 10_000}))
    assert len(bad.reason) < 200


# --- files that hold none -------------------------------------------------------------------------


def refusal(path: Path) -> str:
    """Why a file is refused, which is one sentence that names it."""
    with pytest.raises(StabilityError) as refused:
        read_prompts(path)
    sentence = str(refused.value)
    assert sentence.startswith("A file of prompts must ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert repr(str(path)) in sentence
    return sentence


UNREADABLE = {
    "a.docx": (b"a", "end in .txt, .jsonl, .csv or .parquet; received"),
    "none": (b"a", "end in .txt, .jsonl, .csv or .parquet; received"),
    "latin.txt": ("é".encode("latin-1"), "be readable txt in UTF-8; "),
    "latin.jsonl": ('"é"'.encode("latin-1"), "is not (it is no UTF-8 text): check the path"),
    "latin.csv": ("text\né".encode("latin-1"), "be readable csv in UTF-8; "),
    "utf16.txt": ("a".encode("utf-16"), "is not (it is no UTF-8 text): check the path"),
    "words.parquet": (b"no Parquet file, but long enough", "be readable parquet in UTF-8; "),
    "empty.parquet": (b"", "is not (it is damaged, or of another format): check the path"),
    "footless.parquet": (
        b"PAR1" + bytes(30) + b"PAR1",
        "is not (it is damaged, or of another format)",
    ),
    "half.parquet": (as_parquet(text=["a"])[:-20], "is not (it is damaged, or of another format)"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(tmp_path, name):
    content, words = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


@pytest.mark.parametrize("ending", ["txt", "jsonl", "csv", "parquet"])
def test_a_missing_file_and_a_folder_are_refused_in_one_sentence(tmp_path, ending):
    path = tmp_path / f"some.{ending}"
    assert f"be readable {ending} in UTF-8; " in refusal(path)
    path.mkdir()
    refusal(path)


NO_PROMPT = {
    "empty.txt": ("", "has 0 rows and none with text: write one a line"),
    "blank.txt": (" \n\n\t\n", "has 0 rows and none with text: "),
    "empty.jsonl": ("", "has 0 rows and none with text: name the field 'text'"),
    "empty.csv": ("", "has 0 rows and none with text: "),
    "header.csv": ("text\n", "has 0 rows and none with text: "),
    "rows.jsonl": ('{"words": "a"}\n{"words": "b"}', "has 2 rows and none with text (a row needs"),
    "headless.csv": ("hello\nworld\n", "has 1 row and none with text (a row needs a text; "),
    "blank.jsonl": ('{"text": " "}', "has 1 row and none with text (a prompt needs some text; "),
    "rows.parquet": (as_parquet(words=["a"]), "has 1 row and none with text (a row needs a text"),
    "rowless.parquet": (as_parquet(text=[]), "has 0 rows and none with text: "),
}


@pytest.mark.parametrize("name", NO_PROMPT)
def test_a_file_without_any_prompt_is_refused_with_the_first_reason(tmp_path, name):
    content, words = NO_PROMPT[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert words in refusal(path)


@properties(50)
@given(content=st.binary(max_size=60), ending=st.sampled_from(["txt", "jsonl", "csv", "parquet"]))
def test_any_bytes_are_read_or_refused(read, content, ending):
    try:
        prompts = read(f"any.{ending}", content)
    except StabilityError:
        return
    assert [prompt.index for prompt in prompts] == list(range(len(prompts)))
    assert all((prompt.text is None) == (prompt.reason is not None) for prompt in prompts)
    assert any(texts(prompts))


# --- the prompts that come with the project -------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> list[Prompt]:
    return read_prompts(SHIPPED)


def test_all_shipped_prompts_are_readable(shipped):
    assert len(shipped) >= 150
    assert [prompt.id for prompt in shipped if prompt.reason is not None] == []


def test_no_two_shipped_prompts_have_the_same_name_or_begin_alike(shipped):
    for of in (lambda prompt: prompt.id, lambda prompt: prompt.text[:20]):
        assert [key for key, count in Counter(map(of, shipped)).items() if count > 1] == []


def test_the_shipped_prompts_are_of_all_kinds_that_they_are_said_to_be(shipped):
    kinds = {"story", "fact", "code", "dialogue", "mathematics", "languages", "near-tie"}
    counts = Counter(prompt.kind for prompt in shipped)
    assert counts.keys() == kinds
    assert min(counts.values()) >= 20


def test_shipped_prompts_stop_at_a_word_not_at_a_space(shipped):
    """A space at the end would be a token of its own for most tokenizers."""
    assert [prompt.id for prompt in shipped if prompt.text != prompt.text.strip()] == []


def test_a_csv_may_hold_a_whole_book(read):
    book = "word " * 40_000  # more than Python's csv takes by itself
    assert texts(read("some.csv", as_csv([["text"], [book]]))) == [book]


def test_prompts_may_be_read_although_a_limit_was_set_elsewhere(read):
    csv.field_size_limit(10)
    assert texts(read("some.csv", "text\nlonger than ten letters\n")) == ["longer than ten letters"]


# --- conversations --------------------------------------------------------------------------------

MESSAGES = [{"role": "user", "content": "a lamp"}, {"role": "assistant", "content": "hums"}]


def test_a_row_of_messages_is_a_conversation(read):
    talk = Conversation.of(MESSAGES)
    rows = [{"id": "a", "messages": MESSAGES}, {"messages": MESSAGES, "text": "a text"}]
    jsonl = "\n".join(map(json.dumps, rows))
    assert texts(read("p.jsonl", jsonl)) == [talk, "a text"]
    assert texts(read("p.parquet", as_parquet(messages=[MESSAGES]))) == [talk]


@pytest.mark.parametrize("messages", [[], None, "a lamp", [{"role": "user"}]])
def test_malformed_messages_are_kept_with_the_reason(read, messages):
    bad, good = read("p.jsonl", json.dumps({"messages": messages}) + '\n"a lamp"')
    assert (bad.text, good.text) == (None, "a lamp")
    assert "A conversation is a list of messages" in bad.reason
