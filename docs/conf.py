"""How the documentation is built: `sphinx-build -W --keep-going -b html docs docs/_build`. No network is used."""

import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(Path(__file__).parents[1])]

import acomodel  # noqa: E402

project = "acomodel"
author = "the authors of acomodel"
release = version = acomodel.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "offline_math",
    "docstrings",
    "reference_pages",
]
exclude_patterns = ["_build", "_ext", "_static"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
primary_domain = "py"
nitpicky = True
nitpick_ignore = [("py:exc", "pydantic.ValidationError")]
default_role = "py:obj"
today_fmt = "%Y-%m-%d"

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_admonition_for_notes = False
napoleon_use_ivar = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = "acomodel"
html_static_path = ["_static"]
html_css_files = ["acomodel.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_last_updated_fmt = None
html_use_index = True
smartquotes_action = "D"
pygments_style = "friendly"
_SERIF = 'Georgia, "Times New Roman", serif'
_SANS = '-apple-system, BlinkMacSystemFont, "Segoe UI", Helvetica, Arial, sans-serif'
html_theme_options = {
    "light_css_variables": {
        "font-stack": _SERIF,
        "font-stack--headings": _SERIF,
        "font-stack--tables": _SANS,
        "font-stack--monospace": 'Consolas, "DejaVu Sans Mono", Menlo, monospace',
        "color-foreground-primary": "#1b2430",
        "color-foreground-secondary": "#5b6675",
        "color-foreground-border": "#d5dae1",
        "color-background-secondary": "#f3f6f9",
        "color-background-border": "#d5dae1",
        "color-code-background": "#f3f6f9",
        "color-inline-code-background": "#f3f6f9",
        "color-brand-primary": "#1f5a94",
        "color-brand-content": "#1f5a94",
        "color-brand-visited": "#1f5a94",
        "color-api-name": "#1b2430",
        "color-api-pre-name": "#5b6675",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8ab6e0",
        "color-brand-content": "#8ab6e0",
        "color-brand-visited": "#8ab6e0",
    },
}
