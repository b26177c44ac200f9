"""Installing takes libeigentensor.so along: the one named in EIGENTENSOR_LIBRARY, else the
checkout's, which is built first if it is not there. It is called by ctypes, so one wheel serves
every Python 3."""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent.parent


def library():
    if "EIGENTENSOR_LIBRARY" in os.environ:
        return Path(os.environ["EIGENTENSOR_LIBRARY"])
    built = ROOT / "build/libeigentensor.so"
    if not built.exists():
        subprocess.run(["make", "-C", ROOT, "shared"], check=True)
    return built


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            shutil.copy(library(), Path(self.build_lib) / "eigentensor")


class OfOnePlatform(Distribution):
    def has_ext_modules(self):
        return True


class WheelOfAnyPython(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": WheelOfAnyPython},
      distclass=OfOnePlatform)
