"""What people write: frozen, validated specs, and plug-ins found by the name of their file."""

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializationInfo,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from torchal.digest import digest_of_file

_IDENTITY = {"identity": True}


class Spec(BaseModel):
    """A frozen value that refuses what it does not know and names the field it meant."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    locations: ClassVar[frozenset[str]] = frozenset()
    """Fields that say where something lies, not what it is: they are no part of the identity."""

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_fields(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for field in value:
                if field not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_field",
                        "unknown field '{field}'{hint}",
                        {"field": str(field), "hint": nearest(str(field), cls.model_fields)},
                    )
        return value

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        fields: dict[str, Any] = self.heading() | handler(self)
        if info.context == _IDENTITY:
            fields = {name: value for name, value in fields.items() if name not in self.locations}
        return fields

    def heading(self) -> dict[str, Any]:
        """Return what a dump holds besides the fields."""
        return {}

    def identity(self) -> dict[str, Any]:
        """Return what results depend on, as JSON values: every field but locations."""
        return self.model_dump(mode="json", context=_IDENTITY)

    def document(self) -> dict[str, Any]:
        """Return every field as JSON values, as they are saved for people and read back."""
        return self.model_dump(mode="json")


class Plugin(Spec):
    """A spec with behaviour, which carries the name of the file it is defined in.

    A subclass in the folder of its room is known by its file's name, one in an importable module by its dotted name
    (``package.module`` or ``package.module:Class``), one in a file given to :func:`load_file` by the file's name. The
    source of the last two enters their identity by its digest.
    """

    room: ClassVar[str]
    """The package whose files are the names of this kind of plug-in, such as ``torchal.strategies``."""

    @classmethod
    def plugin_name(cls) -> str:
        """Return the name by which a YAML file asks for this class."""
        module = cls.__module__
        for prefix in (f"{cls.room}.", _FILES):
            if module.startswith(prefix):
                return module.removeprefix(prefix)
        return module if _plugins(Plugin, module) == [cls] else f"{module}:{cls.__qualname__}"

    @classmethod
    def source_digest(cls) -> str | None:
        """Return the SHA-256 of the source file of a plug-in from outside torchal, else None."""
        return None if cls.__module__.startswith("torchal.") else _source_digest(cls)

    @property
    def label(self) -> str:
        """The name and whatever differs from the defaults, as reports print it: ``bald(samples=10)``."""
        changed = self.model_dump(mode="json", exclude_defaults=True)
        changed = {name: value for name, value in changed.items() if name not in {"name", "source", *self.locations}}
        inside = ", ".join(f"{name}={_brief(getattr(self, name, None), value)}" for name, value in changed.items())
        return f"{self.plugin_name()}({inside})" if inside else self.plugin_name()

    def heading(self) -> dict[str, Any]:
        """Return the name, and the digest of the source if that lies outside torchal."""
        source = self.source_digest()
        return {"name": self.plugin_name()} | ({"source": source} if source else {})


@cache  # as it was when the plug-in was first asked for: a file edited during a run is not what the run executes
def _source_digest(cls: type[Plugin]) -> str:
    return digest_of_file(Path(inspect.getfile(cls)))


def _brief(value: Any, dumped: Any) -> str:
    if isinstance(value, Plugin):
        return value.label
    return str(dumped.get("name", dumped) if isinstance(dumped, dict) else dumped)


# --- names ------------------------------------------------------------------------------------------------------------

_FILES = "torchal_file_"
"""Names of modules loaded from files given by hand start so."""

_DIGEST = "__torchal_digest__"
"""Where such a module keeps the digest of the file it was loaded from."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean ...?' for the closest known name, else the list of all known names."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known) or 'none'}"


def names(room: str) -> list[str]:
    """Return the names of the plug-ins of a room: its files, but those that start with an underscore."""
    folder = Path(str(importlib.import_module(room).__file__)).parent
    here = [file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")]
    return sorted(here)


def load_file(path: Path) -> type[Plugin]:
    """Make the plug-in in a Python file known by the file's name, and return it.

    Raises:
        ValueError: if there is no such file, or if it does not define exactly one plug-in.
    """
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file; give the path of a Python file that defines a plug-in.")
    name, digest = f"{_FILES}{path.stem}", digest_of_file(path)
    known = sys.modules.get(name)
    if known is not None and known.__file__ != str(path.resolve()):
        raise ValueError(f"--with {path}: {known.__file__} has the same name; rename one of the two files.")
    if known is not None and vars(known)[_DIGEST] == digest:
        return _only_plugin(Plugin, name)
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ValueError(f"--with {path}: not a Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    vars(module)[_DIGEST] = digest
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return _only_plugin(Plugin, name)


def resolve(kind: type[Plugin], name: str) -> type[Plugin]:
    """Return the plug-in class of a kind that a name means: a file of its room, a loaded file or a dotted name.

    Raises:
        ValueError: naming the nearest known name, or what is wrong with the module.
    """
    if name in names(kind.room):
        return _only_plugin(kind, f"{kind.room}.{name}")
    if f"{_FILES}{name}" in sys.modules:
        return _only_plugin(kind, f"{_FILES}{name}")
    module, _, attribute = name.partition(":")
    if "." not in module and not attribute:
        raise ValueError(f"unknown name '{name}'{nearest(name, names(kind.room))}")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"'{name}' cannot be imported: {error}; is its folder on PYTHONPATH?") from error
    if not attribute:
        return _only_plugin(kind, module)
    chosen = getattr(found, attribute, None)
    if not (inspect.isclass(chosen) and issubclass(chosen, kind)):
        raise ValueError(f"'{name}' is not a {kind.__name__}; give module or module:Class of a subclass.")
    return chosen


def _plugins(kind: type[Plugin], module: str) -> list[type[Plugin]]:
    """Return the subclasses of a kind that a module itself defines."""
    members = vars(importlib.import_module(module)).values()
    return [each for each in members if inspect.isclass(each) and issubclass(each, kind) and each.__module__ == module]


def _only_plugin(kind: type[Plugin], module: str) -> type[Plugin]:
    found = _plugins(kind, module)
    if len(found) != 1:
        listed = ", ".join(member.__name__ for member in found) or "none"
        raise ValueError(f"'{module}' must define exactly one {kind.__name__}, and defines {listed}.")
    return found[0]


class ByName:
    """The annotation that lets a field of a plug-in kind be given as a name or as a mapping with a ``name``.

    ``AnyStrategy = Annotated[Strategy, *ByName.of(Strategy)]``
    """

    @staticmethod
    def of(kind: type[Plugin]) -> tuple[BeforeValidator, Any]:
        """Return the validator and the serializer for one kind."""
        return BeforeValidator(lambda value: build(kind, value)), SerializeAsAny()  # type: ignore[type-arg]  # as a marker it has none


def build(kind: type[Plugin], value: Any) -> Any:
    """Turn ``"bald"`` or ``{"name": "bald", "samples": 10}`` into the plug-in it describes."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict):
        return value
    fields = dict(value)
    name, source = fields.pop("name", None), fields.pop("source", None)
    if not isinstance(name, str):
        raise PydanticCustomError("no_name", "a {kind} needs a name", {"kind": kind.__name__.lower()})
    cls = resolve(kind, name)
    if inspect.isabstract(cls):
        lacking = ", ".join(sorted(cls.__abstractmethods__))
        raise ValueError(f"'{name}' lacks the method {lacking}; define it in {cls.__name__}")
    if source not in (None, cls.source_digest()):
        raise ValueError(f"the source of '{name}' changed since this was written; remove its 'source' to accept that.")
    return cls.model_validate(fields)


def one_or_many(value: Any) -> Any:
    """Let an axis be given as one value or as a list of them."""
    return value if isinstance(value, list | tuple) else [value]
