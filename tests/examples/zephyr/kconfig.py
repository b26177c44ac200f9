"""kconfig.py KCONFIG... -- PRJ_CONF CONFIG: what the options of all files come to, with prj.conf.
Fails on what Kconfig warns of, as Zephyr does, and on options that the files do not know."""

import os
import sys
import tempfile

import kconfiglib

split = sys.argv.index("--")
sources, (given, result) = sys.argv[1:split], sys.argv[split + 1:]
with tempfile.NamedTemporaryFile("w", suffix="Kconfig") as root:
    root.writelines(f'source "{os.path.abspath(source)}"\n' for source in sources)
    root.flush()
    options = kconfiglib.Kconfig(root.name, warn_to_stderr=False)
options.warn_assign_undef = True
options.load_config(given)
options.write_config(result)
sys.exit("\n".join(options.warnings) or 0)
