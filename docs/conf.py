"""How the documentation site is built: ``make docs``.

By Sphinx, MyST and Furo: MkDocs had its last release in 2024, and Material for MkDocs is kept until November 2026.
"""

import sys
from pathlib import Path

import torchal

sys.path.insert(0, str(Path(__file__).parent))

project = "torchal"
copyright = "the authors of torchal, MIT licence"  # noqa: A001 - Sphinx's name
version = release = torchal.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "_extensions.generated",
    "_extensions.navigation",
    "_extensions.notebooks",
    "_extensions.repository",
    "_extensions.signatures",
]
exclude_patterns = ["_*"]
smartquotes = False  # options begin with two dashes

myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
add_module_names = False

html_theme = "furo"
html_title = "torchal"
html_static_path = ["_static"]
html_css_files = ["torchal.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#7db4f5", "color-brand-content": "#7db4f5"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
