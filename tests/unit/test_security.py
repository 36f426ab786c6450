"""Nothing in the source executes what it reads: no pickle, no unsafe YAML, no eval, no shell."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "torchal"
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "subprocess"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "pd.read_pickle"}
CALLS |= {"yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all", "tempfile.mktemp"}
MEANT = {
    "fingerprint.py": ["subprocess"],  # starts git alone, with fixed words
    "engines/slurm.py": ["subprocess"],  # asks squeue which jobs there are, with fixed words
    "engines/_far.py": ["pickle"],  # carries specs from the program that started this process, and from nobody else
}


def dotted(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{dotted(node.value)}.{node.attr}"
    return ""


def faults(tree: ast.AST) -> list[str]:
    """Return what a file does that could execute what it reads."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    safe = {node.name for node in classes if "yaml.SafeLoader" in map(dotted, node.bases)}
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += _imported(each.name for each in names)
            case ast.ImportFrom(module=module, names=names):
                found += _imported(f"{module}.{each.name}" for each in names)
            case ast.Call():
                found += _called(dotted(node.func), {each.arg: each.value for each in node.keywords}, safe)
    return found


def _imported(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in CALLS or name.partition(".")[0] in MODULES]


def _called(name: str, options: dict, safe: set[str]) -> list[str]:
    given = {key: value.value for key, value in options.items() if isinstance(value, ast.Constant)}
    if name in CALLS or given.get("shell") or given.get("allow_pickle"):
        return [name]
    if name in {"np.load", "numpy.load"} and given.get("allow_pickle") is not False:
        return [name]
    if name == "yaml.load" and dotted(options["Loader"]) not in {*safe, "yaml.SafeLoader"}:
        return [name]
    return [f"{name} without escaping"] if name.endswith("Environment") and "autoescape" not in options else []


def test_nothing_in_the_source_executes_what_it_reads():
    files = list(SOURCE.rglob("*.py"))
    assert len(files) > 200
    found = {file.relative_to(SOURCE).as_posix(): faults(ast.parse(file.read_text())) for file in files}
    assert {file: each for file, each in found.items() if each} == MEANT


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import subprocess",
        "from os import system",
        "eval('1')",
        "torch.load(path)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.save(path, x, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "class L(yaml.Loader): pass\nyaml.load(text, Loader=L)",
        "yaml.unsafe_load(text)",
        "run(words, shell=True)",
        "jinja2.Environment(loader=x)",
    ],
)
def test_each_way_to_execute_what_is_read_would_be_seen(code):
    assert len(faults(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "network.eval()",
        "np.load(path, allow_pickle=False)",
        "class L(yaml.SafeLoader): pass\nyaml.load(text, Loader=L)",
        "jinja2.Environment(loader=x, autoescape=True)",
        "import pickletools",
        "re.compile('x')",
    ],
)
def test_what_only_looks_alike_is_not_refused(code):
    assert faults(ast.parse(code)) == []
