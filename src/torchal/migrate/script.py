"""Reading a shell script without running it.

Words are told apart and plain ``NAME=value`` assignments put into them, also those of a ``for`` over plain words. What
only a shell could know, such as ``$(date)`` or ``$1``, stays as it is written, between marks. That takes a reader of
our own, since Python's shlex forgets which dollar was quoted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

MARK = "\ue000"
"""Stands before and after what is not a plain value. It belongs to no alphabet."""

PROGRAMS = ("main_aml", "train_al")
"""TorchAL's programs, without their suffix."""

_LONGEST, _MOST, _DEEPEST = 100_000, 500, 8
"""Characters of a script and of a value, commands in a script, and loops inside each other: more are nobody's."""

_PIECE = re.compile(
    r"""(?P<joined>\\\r?\n)
    | (?P<space>[^\S\n]+)
    | (?P<comment>(?<![^\s;|&()])\#[^\n]*)
    | (?P<redirect>\d*(?:<<<|<<-?|&>>?|>>|>&|<&|>|<))
    | (?P<end>\n|[;&|()]+)
    | '(?P<single>[^']*)'
    | (?P<double>")
    | (?P<unclosed>')
    | (?P<special>[$`])
    | \\(?P<escaped>.)
    | (?P<plain>[^\s;&|()<>'"`$\\#]+|[\\#])""",
    re.VERBOSE | re.DOTALL,
)
_INSIDE = re.compile(r'\\(?P<escaped>["\\$`\n])|(?P<special>[$`])|(?P<end>")|(?P<plain>\\|[^\\$`"]+)')
_NAME = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", re.ASCII)
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=", re.ASCII)


class Piece(NamedTuple):
    """A part of a word: text, the name of a variable, or what only a shell could know."""

    kind: str
    text: str
    quoted: bool


Word = list[Piece]


class Simple(NamedTuple):
    """A command as written."""

    line: int
    words: list[Word]


class Command(NamedTuple):
    """A call of one of TorchAL's programs."""

    line: int
    program: str
    words: tuple[str, ...]
    """Its arguments; what is not plain stands between marks."""


class Other(NamedTuple):
    """Something else that the script does."""

    line: int
    what: str
    conditional: bool = False
    """Whether it decides what is done after it."""


def plain(text: str) -> str:
    """Return text as it was written, in one line that can be printed."""
    return "".join(each for each in " ".join(text.replace(MARK, "").split()) if each.isprintable())


def read(text: str) -> list[Command | Other]:
    """Return what a script does, in its order, with plain values put in.

    Raises:
        ValueError: if a quote or a bracket is never closed, or the script is longer than any that people write.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"holds more than {_LONGEST} characters; is it a script?")
    found = list(islice(_walked(list(_simple(text)), _Shell(), 0), _MOST + 1))
    if len(found) > _MOST:
        raise ValueError(f"has more than {_MOST} commands; migrate a part of it")
    return found


# --- words ------------------------------------------------------------------------------------------------------------


class Token(NamedTuple):
    """What a script is made of: pieces of words, and what stands between words."""

    line: int
    kind: str
    text: str
    pieces: Word


def _tokens(text: str) -> Iterator[Token]:
    line, position = 1, 0
    while position < len(text):
        found = _PIECE.match(text, position)
        assert found is not None, "every character is one of these"
        kind, end = str(found.lastgroup), found.end()
        if kind == "unclosed":
            raise ValueError(f"line {line}: the quote {found[0]} is never closed; close it")
        if kind == "special":
            piece, end = _special(text, position, f"line {line}", quoted=False)
            pieces = [piece]
        elif kind == "double":
            pieces, end = _inside(text, end, f"line {line}")
        else:
            pieces = [Piece("text", found[kind] or "", quoted=kind != "plain")]
        yield Token(line, kind, found[0], pieces)
        line, position = line + text.count("\n", position, end), end


def _inside(text: str, position: int, where: str) -> tuple[Word, int]:
    """Return what stands in double quotes, which keep spaces and let dollars through, and where they end."""
    pieces = [Piece("text", "", quoted=True)]
    while found := _INSIDE.match(text, position):
        if found.lastgroup == "end":
            return pieces, found.end()
        if found.lastgroup == "special":
            piece, position = _special(text, position, where, quoted=True)
        else:
            piece, position = Piece("text", found[str(found.lastgroup)], quoted=True), found.end()
        pieces.append(piece)
    raise ValueError(f'{where}: the quote " is never closed; close it')


def _special(text: str, start: int, where: str, *, quoted: bool) -> tuple[Piece, int]:
    """Return the variable, or what only a shell could know, that begins here, and where it ends."""
    named = _NAME.match(text, start)
    if named:
        return Piece("variable", named[1] or named[2], quoted), named.end()
    opened = text[start : start + 1 + (text[start] == "$")]
    if opened == "`":
        end = text.find("`", start + 1) + 1
    elif opened in ("$(", "${"):
        end = _closing(text, start + 1, {"(": ")", "{": "}"}[opened[1]])
    else:
        end = start + len(opened.rstrip())
    if not end:
        raise ValueError(f"{where}: {opened.rstrip()} is never closed; close it")
    return Piece("unknown", text[start:end], quoted), end


def _closing(text: str, start: int, close: str) -> int:
    """Return the place behind the bracket that closes the one here, or 0."""
    depth, opened = 0, text[start]
    for position in range(start, len(text)):
        depth += (text[position] == opened) - (text[position] == close)
        if not depth:
            return position + 1
    return 0


def _simple(text: str) -> Iterator[Simple]:
    """Yield the commands as written, without comments and redirections."""
    words, current, files = list[Word](), Word(), list[Word]()
    line, fresh, to_file = 1, True, False
    for token in _tokens(text):
        if token.kind == "end":
            if words:
                yield Simple(line, words)
            words, fresh, to_file = [], True, False
        elif token.kind in ("space", "comment", "redirect"):
            fresh, to_file = True, to_file or token.kind == "redirect"
        elif token.kind != "joined":
            if fresh:
                line, current = line if words else token.line, []
                (files if to_file else words).append(current)
            current.extend(token.pieces)
            fresh = to_file = False
    if words:
        yield Simple(line, words)


# --- what is done -----------------------------------------------------------------------------------------------------


@dataclass
class _Shell:
    """What is known on the way through a script."""

    variables: dict[str, str] = field(default_factory=dict)
    passes: int = 0
    """Through loops."""

    def go_round(self) -> None:
        """Begin a pass through a loop.

        Raises:
            ValueError: if there were more than people write.
        """
        self.passes += 1
        if self.passes > _MOST:
            raise ValueError(f"goes through its loops more than {_MOST} times; migrate a part of it")


_LOOPS = {"for", "while", "until", "select"}
_PASSED = {"do", "then", "else", "{", "}", "!", "time", "done", "fi", "esac"}
_CONDITIONS = {"if", "elif", "while", "until", "case", "select", "function"}
_EXPORTS = {"export", "readonly", "local", "declare"}


def _walked(commands: list[Simple], shell: _Shell, depth: int) -> Iterator[Command | Other]:
    """Yield what commands do, noting what is assigned; a loop over plain words is gone through word by word."""
    if depth > _DEEPEST:
        raise ValueError(f"has loops more than {_DEEPEST} deep; migrate a part of it")
    place = 0
    while place < len(commands):
        line, words = commands[place]
        while words and _literal(words[0]) in _PASSED:
            words = words[1:]
        place += 1
        if words and _literal(words[0]) == "for" and len(words) > 2 and _literal(words[2]) == "in":
            end = _end_of_loop(commands, place)
            name, items = _literal(words[1]), [each for word in words[3:] for each in _expanded(word, shell)]
            for item in items:
                shell.go_round()
                shell.variables[name] = item
                yield from _walked(commands[place:end], shell, depth + 1)
            place = end
        elif words:
            yield from _done(Simple(line, words), shell)


def _end_of_loop(commands: list[Simple], start: int) -> int:
    """Return the place of the ``done`` that ends a loop, or the end of the script."""
    depth = 1
    for place in range(start, len(commands)):
        heads = [_literal(word) for word in commands[place].words[:2]]
        depth += sum(head in _LOOPS for head in heads[: 2 if heads[0] in _PASSED else 1]) - (heads[0] == "done")
        if not depth:
            return place
    return len(commands)


def _done(command: Simple, shell: _Shell) -> Iterator[Command | Other]:
    """Yield what one command does; an assignment yields nothing."""
    head = _literal(command.words[0])
    assigned = command.words[1:] if head in _EXPORTS else command.words
    names = [_ASSIGNED.match(_literal(word)) for word in assigned]
    if assigned and all(names):
        for found, word in zip(names, assigned, strict=True):
            assert found is not None
            value = "".join(_text(piece, shell) for piece in word)[found.end() :]
            if len(value) > _LONGEST:
                raise ValueError(f"line {command.line}: {found[1]} is longer than {_LONGEST} characters; shorten it")
            shell.variables[found[1]] = value
        return
    words = [each for word in command.words for each in _expanded(word, shell)]
    at = next((k for k, word in enumerate(words) if word.rpartition("/")[2] in _FILES), None)
    if at is None:
        yield Other(command.line, " ".join(words), head in _CONDITIONS)
        return
    if head in _CONDITIONS:
        yield Other(command.line, " ".join(words[:at]), conditional=True)
    yield Command(command.line, words[at].rpartition("/")[2].removesuffix(".py"), tuple(words[at + 1 :]))


_FILES = {f"{program}.py" for program in PROGRAMS}


def _literal(word: Word) -> str:
    """Return the plain text that a word begins with, which may be all of it."""
    return word[0].text if word and word[0].kind == "text" and not word[0].quoted else ""


def _text(piece: Piece, shell: _Shell) -> str:
    if piece.kind == "text":
        return piece.text
    if piece.kind == "variable" and piece.text in shell.variables:
        return shell.variables[piece.text]
    return f"{MARK}{'$' * (piece.kind == 'variable')}{piece.text}{MARK}"


def _expanded(word: Word, shell: _Shell) -> list[str]:
    """Return the words that a word becomes: what an unquoted variable holds is split at its spaces."""
    found, apart = list[str](), True
    for piece in word:
        text = _text(piece, shell)
        split = piece.kind == "variable" and not piece.quoted and MARK not in text
        parts = text.split() if split else [text]
        apart = apart or (split and text[:1].isspace())
        if parts and not apart:
            found[-1] += parts.pop(0)
        found += parts
        apart = (split and text[-1:].isspace()) or (apart and not parts)
    return found
