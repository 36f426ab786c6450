"""A table of the plug-ins of a kind, as ``torchal list`` knows them."""

from torchal.catalogue import listed


def written(kind: str) -> str:
    """Return the table."""
    rows = [f"| `{each['name']}` | {each['summary']} | {_options(each['parameters'])} |" for each in listed(kind)]
    return "\n".join(["| name | what it is | options |", "|---|---|---|", *rows])


def _options(parameters: dict[str, dict[str, str]]) -> str:
    return ", ".join(f"`{name}`" for name in parameters) or "none"
