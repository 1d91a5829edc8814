import subprocess
import sys

import pytest

from recon_kit import cli
from recon_kit.errors import ReconError


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one `recon-kit` command."""
    monkeypatch.setattr(sys, "argv", ["recon-kit", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_an_expected_failure_is_one_message_and_exit_code_2(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "template", "ordres")

    assert (code, out) == (2, "")
    assert err == "recon-kit: template ordres: there is no such table; expected one of the 17 tables; did you mean orders?\n"


def test_a_bug_is_a_traceback(monkeypatch, capsys):
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.setattr(sys, "argv", ["recon-kit"])

    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_no_message_of_rich_prints_local_variables():
    assert cli.app.pretty_exceptions_enable is False


def test_help_names_every_command_and_each_teaches_with_an_example(monkeypatch, capsys):
    commands = [command.name for command in cli.app.registered_commands]
    _, overview, _ = run(monkeypatch, capsys, "--help")

    assert {"run", "template", "new"} <= set(commands)
    for command in commands:
        code, out, _ = run(monkeypatch, capsys, command, "--help")
        assert code == 0
        assert command in overview
        assert f"recon-kit {command}" in " ".join(out.split())


def test_the_version_is_the_packages(monkeypatch, capsys):
    from recon_kit import __version__

    assert run(monkeypatch, capsys, "--version") == (0, f"recon-kit {__version__}\n", "")


def test_help_is_quick_because_it_loads_nothing_heavy():
    script = (
        "import sys; import recon_kit.cli; "
        "print(sorted({'polars', 'plotly', 'pydantic', 'nbconvert', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_console_that_lacks_chinese_still_gets_the_message():
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "utf8=0",
            "-c",
            "from recon_kit.cli import main; import sys; sys.argv[1:] = ['template', '--list']; main()",
        ],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii:strict"},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert b"orders" in done.stdout


def test_every_error_of_the_tree_is_a_recon_error():
    from recon_kit import errors

    tree = [value for value in vars(errors).values() if isinstance(value, type) and value.__module__ == errors.__name__]

    assert all(issubclass(error, ReconError) for error in tree)
