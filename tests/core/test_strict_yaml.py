"""YAML is read as DVC reads it, or refused in one short line."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stages.core.strict_yaml import LARGEST_FILE, Value, parse, read
from stages.process.door import InputError

SHIPPED = (Path(__file__).resolve().parents[2] / "params.yaml").read_text()
PIECES = [
    *("\n", "\n  ", "\r\n", "\t", " ", ": ", ":", "- ", "# ", "#", "? ", ",", "[", "]", "{", "}"),
    *(
        '"',
        "'",
        "|",
        ">",
        "&a ",
        "*a",
        "!",
        "%",
        "@",
        "`",
        "~",
        "/",
        "<<",
        "---\n",
        "...\n",
        "\\",
        "0",
    ),
    *("010", "1_0", "1:30", "0x1F", "1e5", "5.", ".5", "yes", "null", "a", "é", "\xa0", "\ufeff"),
]
FEW = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def as_dvc_reads(text: str) -> Value:
    value: Value = YAML(typ="safe").load(text)
    return value


def same_or_refused(text: str) -> None:
    content = text.encode(errors="surrogatepass")
    try:
        value = parse(content)
    except InputError:
        refusal(content)
    else:
        assert repr(value) == repr(as_dvc_reads(text))


def refusal(content: str | bytes) -> str:
    with pytest.raises(InputError) as refused:
        parse(content.encode() if isinstance(content, str) else content)
    message = str(refused.value)
    assert message.isprintable()
    assert len(message) < 250
    return message


@given(st.text("0123456789+-._eExXoObB:~yYnNtTfFruEsla /", max_size=9))
@example("1e-05")
@example("1E3")
@example(".5e3")
@example("-.5")
@example("+1.e3")
@example("Null")
@example("-0")
@FEW
def test_a_scalar_is_the_value_that_dvc_reads_or_refused(scalar: str) -> None:
    same_or_refused(f"seed: {scalar}")


@given(
    st.lists(
        st.tuples(st.integers(0, len(SHIPPED)), st.integers(0, 3), st.sampled_from(PIECES)),
        min_size=1,
        max_size=3,
    )
)
@FEW
def test_a_changed_file_is_what_dvc_reads_or_refused(
    changes: list[tuple[int, int, str]],
) -> None:
    text = SHIPPED
    for start, length, piece in changes:
        text = text[:start] + piece + text[start + length :]
    if not text.rstrip().endswith("..."):  # DVC takes what follows for a second document
        same_or_refused(text)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text())
@FEW
def test_any_text_is_what_dvc_reads_or_refused(text: str) -> None:
    if "..." not in text:
        same_or_refused(text)


@pytest.mark.parametrize(
    "scalar",
    [
        *("010", "-010", "0o10", "0x1F", "0x_", "0b1", "1_000", "100:00", "1:30.5", "00"),
        *("yes", "No", "on", "OFF", "True", "NULL", "2001-02-30", "2001-02-03", "=", "<<"),
        *(".inf", ".nan", "1.5.2", "3x", "9" * 5000, "!!float x", "!!timestamp x", "!!int 3"),
        *("!!python/object/apply:os.system [ls]", "&a 3", "*a", "! 3", '"\\UFFFFFFFF"'),
        *('"\\uD800"', '"\\e[31m"', "|\n    a\n    b\n", "[" * 5000, "{a: " * 5000, "\t1"),
    ],
)
def test_what_readers_differ_on_is_refused_by_name(scalar: str) -> None:
    message = refusal(f"sweep:\n  seed: {scalar}")
    assert message.startswith("line 2: sweep.seed") or "not valid YAML" in message


def test_the_value_is_shown_as_written_and_how_to_write_it() -> None:
    message = refusal("sweep:\n  seed: 010")
    assert "sweep.seed = 010: must be a decimal number such as 10, 0.5 or 1e-05" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("lr: 1\nepochs: 2\nlr: 3\n", "line 3: lr stands here a second time"),
        ("train:\n  lr: 1\ntrain:\n  lr: 2\n", "line 3: train stands here a second time"),
        ('train: {lr: 1, "lr": 2}\n', "train.lr stands here a second time"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "without alias, anchor or tag"),
        ("%YAML 1.1\n---\na: 010\n", "lines that begin with %"),
        (f"%YAML 1.{'9' * 5000}\n---\na: 1\n", "not valid YAML"),
        ("a: 1\n---\na: 2\n", "second document"),
        ("1: 2\n", "must be a word"),
        ("? [a]\n: 2\n", "must be a word"),
        ("? " * 5000, "must be a word"),
        ("- " * 5000, "nested"),
        ("a: 1 # \u2028b: 2\n", "control character '\\u2028'"),
        ("a: \x1b[31m\n", "control character"),
        ("a: [1\n", "not valid YAML"),
        ("a" * LARGEST_FILE + "a", "larger than 64 KiB"),
        ("".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30)), "alias"),
    ],
)
def test_what_parameters_need_not_have_is_refused(text: str, reason: str) -> None:
    assert reason in refusal(text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "utf-16-le"])
def test_another_encoding_is_refused(encoding: str) -> None:
    assert "line 1" in refusal("lr: 1 # für\n".encode(encoding))


def test_a_byte_order_mark_and_windows_lines_are_read() -> None:
    assert parse("\ufefflr: 1 # für\r\nseed: 2\r\n".encode()) == {"lr": 1, "seed": 2}


def test_only_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path in (
        tmp_path,
        tmp_path / "pipe",
        tmp_path / "loop",
        Path("/dev/zero"),
        tmp_path / "no",
    ):
        with pytest.raises(InputError) as refused:
            read(path)
        assert str(path) in str(refused.value)
        assert str(refused.value).isprintable()
