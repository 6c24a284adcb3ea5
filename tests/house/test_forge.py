"""The files for a forge and for pre-commit agree with the Makefile, CI and the package."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.docs.pages import ROOT
from tests.house.release import project


def parsed(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def recipe(target: str) -> str:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_workflow_runs_ci_with_every_python_of_the_package() -> None:
    (job,) = parsed(".github/workflows/ci.yml")["jobs"].values()
    named = "Programming Language :: Python :: "
    versions = [line.removeprefix(named) for line in project()["classifiers"] if named in line]
    assert job["strategy"]["matrix"]["python"] == [v for v in versions if v.startswith("3.")]
    assert project()["requires-python"] == f">={job['strategy']['matrix']['python'][0]}"
    assert job["steps"][-1] == {"run": "bash .ci/run"}
    assert (ROOT / ".ci/run").is_file()


def test_pre_commit_runs_every_tool_of_make_check() -> None:
    (repository,) = parsed(".pre-commit-config.yaml")["repos"]
    entries = " ".join(hook["entry"] for hook in repository["hooks"])
    entries = entries.replace("make --silent check-async", recipe("check-async"))
    tools = re.findall(r"\$\(BIN\)/([\w-]+)(?: (format|check)\b)?", recipe("check"))
    assert len(tools) == 5
    for tool, command in tools:
        assert re.search(rf"/{tool}\b.*{command}", entries), tool
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_the_form_for_faults_wants_what_a_maintainer_needs() -> None:
    fields = {
        field.get("id"): field
        for field in parsed(".github/ISSUE_TEMPLATE/bug.yaml")["body"]
        if field["type"] != "markdown"
    }
    required = {name for name, field in fields.items() if field.get("validations")}
    assert required == {"happened", "version", "check", "configuration", "log"}
    words = "omen --version", "omen check --no-requests", "/admin/config", "x-request-id"
    text = (ROOT / ".github/ISSUE_TEMPLATE/bug.yaml").read_text(encoding="utf-8")
    assert [word for word in words if word not in text] == []
