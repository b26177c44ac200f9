"""The documentation as a site, by Sphinx: the Markdown files of the tree as they lie in it, each a
page, with the README in front. Links to sources become downloads; a link that leads nowhere is an
error (`make docs` runs `sphinx-build -W` with this folder as the configuration)."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VERSION = re.search(r'^#define ET_VERSION "(.*)"', (ROOT / "runtime/eigentensor.h").read_text(),
                    re.MULTILINE)[1]

project = "Eigentensor"
copyright = author = "Eigentensor maintainers"
release = version = VERSION

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "server/*.md", "capture/README.md", "bench/README.md",
                    "examples/**.md", "models/**.md"]
exclude_patterns = ["build", "debian"]
myst_heading_anchors = 4
# Pages begin at the level that suits those who read them as files, and JSON in them is shortened.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

html_theme = "furo"
html_title = f"Eigentensor {VERSION}"
html_copy_source = False
html_show_sphinx = False
templates_path = ["templates"]
html_additional_pages = {"index": "first.html"}

# What stands at the side of every page.
CONTENTS = """

```{toctree}
:hidden:
:glob:
:caption: Tutorials

docs/tutorials/*
```

```{toctree}
:hidden:
:glob:
:caption: Guides

docs/*
server/*
```

```{toctree}
:hidden:
:glob:
:caption: Parts

capture/*
examples/**
models/mnist/*
bench/*
```

```{toctree}
:hidden:
:caption: Project

CONTRIBUTING
CHANGELOG
SECURITY
```
"""

LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)\)")


def without_folders(page, text):
    """Links to folders lead to their README.md, or are none: a site shows no folders."""
    def leads(link):
        target = page.parent / link[2]
        if not target.is_dir():
            return link[0]
        return f"[{link[1]}]({link[2].rstrip('/')}/README.md)" \
            if (target / "README.md").is_file() else link[1]
    return LINK.sub(leads, text)


def on_source(app, name, source):
    page = ROOT / app.env.doc2path(name, base=False)
    source[0] = without_folders(page, source[0]) + (CONTENTS if name == root_doc else "")


def setup(app):
    app.connect("source-read", on_source)
