"""Check one strategy: ``python -m torchal.testing NAME``, where NAME is a name, a dotted name or a Python file."""

import sys
from pathlib import Path

from pydantic import ValidationError

from torchal.query import Strategy
from torchal.spec import load_file, resolve
from torchal.spec_file import SpecError
from torchal.testing.strategies import CHECKS, failures


def main(arguments: list[str]) -> int:
    """Print a line for each promise; return 0 if all are kept, 1 if one is broken, 2 if there is no such strategy."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(f"{__doc__}\n\nWhat is checked:\n")
        sys.stdout.writelines(f"  {check.__name__}: {str(check.__doc__).splitlines()[0]}\n" for check in CHECKS)
        return 0
    try:
        strategy = _strategy(arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    found = failures(strategy)
    for check, failure in found.items():
        sys.stdout.write(f"{'FAILED' if failure else 'ok    '} {check}{f': {failure}' if failure else ''}\n")
    return int(any(found.values()))


def _strategy(arguments: list[str]) -> Strategy:
    if len(arguments) != 1:
        raise ValueError("usage: python -m torchal.testing NAME, a strategy's name, dotted name or Python file.")
    name = arguments[0]
    kind = load_file(Path(name)) if name.endswith(".py") else resolve(Strategy, name)
    if not issubclass(kind, Strategy):
        raise ValueError(f"{name}: {kind.__name__} is no strategy; derive it from torchal.query.Strategy.")
    try:
        return kind()
    except ValidationError as error:
        raise SpecError.of(f"{name} (checked with the defaults of its fields)", error) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
