from __future__ import annotations

import json

import pytest

from iteira_cli.output import Output, duration, local_time, printable

LONG = "Очень длинная строка, которую терминал в восемьдесят колонок не вместит целиком, " * 3


def test_a_document_is_json_with_readable_russian(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=True).document({"b": "Итейра", "a": None})
    shown = capsys.readouterr()
    assert shown.err == ""
    assert list(json.loads(shown.out).items()) == [("b", "Итейра"), ("a", None)]
    assert "Итейра" in shown.out


def test_a_document_steers_no_terminal_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\x1b[2J\x9b31m\u2028\u202eb\ud800"
    Output(json=True).document({"text": evil})
    shown = capsys.readouterr().out
    assert not set(shown) & set(evil[1:-1]) - set("[2J31mb")
    assert json.loads(shown) == {"text": evil}


def test_a_piped_table_has_a_line_for_each_row_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table("Имена", ("Name", "Count"), [(LONG, 7), ("Ян", 1234)])
    title, head, first, second, end = capsys.readouterr().out.splitlines()
    assert (title, end) == ("Имена", "")
    assert head.split() == ["Name", "Count"]
    assert first.split() == [*LONG.split(), "7"]
    assert second.endswith("1234")
    assert len(head) == len(first) == len(second), "numbers stand right, under their name"


def test_what_is_piped_has_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.table("Title", ("A",), [("x",)])
    output.line("line")
    output.note("note")
    output.error("error", "hint")
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err


def test_errors_and_notes_leave_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Output().error("the daemon is down", "start it")
    Output().note(LONG)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"Error: the daemon is down\nstart it\n{LONG}\n"


def test_words_of_callers_are_shown_as_they_are_and_steer_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table("", ("Said",), [("[red]:smile: \x1b[2J\u202e",), (None,)])
    _, said, nothing = capsys.readouterr().out.split("\n")[1:-2]
    assert said == "[red]:smile: \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"
    assert nothing == "–"


def test_line_breaks_and_narrow_spaces_inside_a_text_stay() -> None:
    assert printable("1\u00a0200\u202fруб\nда\r").plain == "1\u00a0200\u202fруб\nда\N{REPLACEMENT CHARACTER}"


def test_a_cell_of_several_lines_is_still_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table("Said", ("Text",), [("да,\n\nзавтра",)])
    assert "да, завтра\n" in capsys.readouterr().out


def test_a_table_without_rows_shows_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table("Workers: none", ("Worker",), [])
    assert capsys.readouterr().out == "Workers: none\n\n"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0, "0 ms"), (0.25, "250 ms"), (4.24, "4.2 s"), (725, "0:12:05"), (259_200, "3 days, 0:00:00")],
)
def test_a_duration_is_said_in_the_unit_that_fits(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize("iso", ["2025-11-22T08:00:00Z", "2025-11-22T08:00:00.250000+00:00"])
def test_a_time_is_shown_where_the_reader_lives(iso: str, minsk: None) -> None:
    assert local_time(iso) == "2025-11-22 11:00:00"


def test_no_time_is_a_dash() -> None:
    assert local_time(None) == "–"
