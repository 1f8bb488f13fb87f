"""The source distributions whose tests and examples are run against the gateway.

What a test is made of (moto's tests, the AWS CLI's examples) is in the sdist, not in the wheel. The sdist of the
version that tests/requirements.txt pins is fetched with pip once, and the wanted part of it unpacked below
target/sdist. Nothing of it comes into the repository.
"""

import re
import subprocess
import sys
import tarfile
import tempfile

from places import REQUIREMENTS, SOURCES


def unpacked(distribution, *wanted):
    """The folder with those files of the sdist whose paths begin with one of `wanted` (`"tests/"`)."""
    version = pinned(distribution)
    folder = SOURCES / f"{distribution}-{version}"
    if not folder.exists():
        SOURCES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SOURCES) as unfinished:
            # A run that is cut short leaves no half a folder.
            extract(fetch(distribution, version, unfinished), wanted, unfinished).rename(folder)
    return folder


def pinned(distribution):
    """`moto[apigateway]==5.2.5` is version 5.2.5 of moto."""
    found = re.search(rf"^{distribution}(?:\[.*?\])?==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    return found.group(1)


def fetch(distribution, version, folder):
    # Only this one comes as source: pip asks it for its metadata, and what that takes to build may come as wheels.
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-binary", distribution, "--dest", folder, f"{distribution}=={version}"], check=True)
    return f"{folder}/{distribution}-{version}.tar.gz"


def extract(archive, wanted, folder):
    with tarfile.open(archive) as tar:
        top = tar.next().name.split("/")[0]
        members = [member for member in tar if member.name.startswith(tuple(f"{top}/{path}" for path in wanted))]
        tar.extractall(folder, members)
    return SOURCES / folder / top
