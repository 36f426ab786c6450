"""How a spec's YAML is read and overridden, and how a fault in it is told."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError


class SpecError(ValueError):
    """A spec that cannot be accepted; the message names field, value and remedy, a line for each fault."""

    @classmethod
    def of(cls, source: str, error: ValidationError) -> Self:
        """Put what pydantic found wrong into sentences, one for each field."""
        return cls("\n".join(f"{source}: {_sentence(fault)}" for fault in error.errors(include_url=False)))


def _sentence(fault: Any) -> str:
    path = ""
    for part in fault["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    given = fault.get("input")
    brief = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    message = fault["msg"].removeprefix("Value error, ")
    return f"{path}{': ' * bool(path)}{message[:1].lower()}{message[1:]}{brief}{_meant(fault)}"


def _meant(fault: Any) -> str:
    """Return '; did you mean ...?' where one of a few words was to be given and another was."""
    if fault["type"] != "literal_error" or not isinstance(fault["input"], str):
        return ""
    words = re.findall("'([^']*)'", fault["ctx"]["expected"])
    close = difflib.get_close_matches(fault["input"].lower(), words, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, which YAML would otherwise silently overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":  # ``<<: *other`` takes over what is not given here
                continue
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{name}' is given twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read a YAML mapping and apply ``a.b=c`` overrides to it.

    Raises:
        SpecError: if the file is missing, is not a YAML mapping, or an override is not of that form.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file; give the path of an experiment's YAML file.") from None
    except IsADirectoryError:
        kept = f", such as {path / 'spec.yaml'}" if (path / "spec.yaml").is_file() else ""
        raise SpecError(f"{path}: is a folder; give the path of an experiment's YAML file{kept}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not readable as YAML: {_where(error)}") from error
    if not isinstance(document, dict):
        raise SpecError(f"{path}: must hold 'field: value' lines, and holds {type(document).__name__}.")
    for override in overrides:
        apply_override(document, override)
    return document


def _where(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """Say in one line what is wrong with a file, and in which."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    begun = f", {error.context} from line {error.context_mark.line + 1}" if error.context_mark else ""
    remedy = "; indent by spaces, not tabs" if "\\t" in str(error.problem) else ""
    return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}{begun}{remedy}"


def apply_override(document: dict[str, Any], override: str) -> None:
    """Set one ``a.b=c`` in a document, where a part of the path may be a position in a list.

    Raises:
        SpecError: if it is not of that form, or the path leads nowhere.
    """
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise SpecError(f"--set {override}: must read path.to.field=value.")
    *parents, last = path.strip().split(".")
    place: Any = document
    for part in parents:
        place = _step(place, part, override)
    try:
        place[int(last) if isinstance(place, list) else last] = yaml.safe_load(text)
    except (ValueError, IndexError, yaml.YAMLError) as error:
        raise SpecError(f"--set {override}: {error}") from error


def _step(place: Any, part: str, override: str) -> Any:
    """Go one part down a path, making mappings where there are none and opening a plug-in given by its bare name."""
    try:
        key: Any = int(part) if isinstance(place, list) else part
        below = place[key] if isinstance(place, list) else place.setdefault(key, {})
    except (ValueError, IndexError) as error:
        raise SpecError(f"--set {override}: '{part}' is no position in that list ({error}).") from error
    if isinstance(below, str):
        below = place[key] = {"name": below}
    if not isinstance(below, dict | list):
        raise SpecError(f"--set {override}: '{part}' is {below!r}, which has nothing inside to set.")
    return below
