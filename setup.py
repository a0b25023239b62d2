"""Packaging; exact versions live in constraints.txt.

The distribution is not named after its command, because another project holds the name
source-pipedrive at the package index.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

SANDBOX = ["starlette", "uvicorn", "httptools", "uvloop", "faker"]
# PyAirbyte, and the schema of metadata.yaml, do not install on Python 3.13 yet.
OLDER = "; python_version < '3.13'"
DEMO = [f"airbyte{OLDER}", "duckdb", "rich", *SANDBOX]
TEST = [
    f"airbyte-connector-models{OLDER}",
    "check-jsonschema",
    "coverage",
    "docker",
    "hypothesis",
    "jsonschema",
    "kubernetes-validate",
    "mypy",
    "pytest",
    "pyyaml",
    "ruff",
    "types-jsonschema",
    "types-PyYAML",
    "types-requests",
    "uv",
    "zizmor",
    *DEMO,
]

VERSION = Path("source_pipedrive/version.py").read_text(encoding="utf-8")

setup(
    name="pipedrive-to-warehouse",
    version=re.findall('^__version__ = "(.+)"', VERSION, re.MULTILINE)[0],
    description="Airbyte source connector for Pipedrive: everything, once, as typed columns",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["source_pipedrive", "source_pipedrive.*"]),
    package_data={"source_pipedrive": ["schemas/*.json", "py.typed"]},
    install_requires=[
        "airbyte-cdk~=7.39",
        "anyascii~=0.3",
        "msgspec~=0.20",
        "orjson~=3.10",
        "pydantic~=2.7",
        "requests~=2.32",
    ],
    extras_require={"sandbox": SANDBOX, "demo": DEMO, "test": TEST},
    entry_points={"console_scripts": ["source-pipedrive=source_pipedrive.run:main"]},
)
