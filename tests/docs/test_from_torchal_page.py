"""The page for those who come from TorchAL says what the migration does."""

from pathlib import Path

from page_scripts import script

from torchal.migrate.table import table

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_migrations_table_writes():
    page = (ROOT / "docs" / "from-torchal.md").read_text(encoding="utf-8")
    assert page == script("from_torchal_page").page(), "run python scripts/from_torchal_page.py"


def test_the_page_has_a_row_for_every_flag_and_key():
    rows = [line for line in (ROOT / "docs" / "from-torchal.md").read_text().splitlines() if line.startswith("| `")]
    for name in (*(flag.flag for flag in table().flags), *(key.key for key in table().keys)):
        assert sum(row.startswith(f"| `{name}` |") for row in rows) == 1, name
