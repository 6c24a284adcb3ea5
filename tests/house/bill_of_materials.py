"""What a running OMEN is made of: a bill of materials (CycloneDX) and a list of licences.

`make sbom` writes both into `build/sbom`. They are about the packages that are installed here:
those that OMEN needs, those of the extras that a gateway may run with (marked as optional), and
nothing that only developers need. The same installation gives the same bytes: there is no time and
no random number in them.

**Source.** CycloneDX 1.6, cyclonedx.org/docs/1.6/json; core metadata of packages (PEP 639); read
2026-11-30.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "omen-gateway"
EXTRAS = ("redis", "postgres", "zstd", "otel")
"""The extras that a gateway runs with. `plot` is for commands, `dev` and `real` for developers."""
UNKNOWN = "unknown"
_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?(.+)")


@dataclass(frozen=True)
class Package:
    """One installed package. `needs` are the names of those that it needs here."""

    name: str
    version: str
    licence: str
    home: str
    needs: tuple[str, ...]
    is_optional: bool = False


def installed_packages(extras: Sequence[str] = EXTRAS) -> dict[str, Package]:
    """Return every package that OMEN needs here, itself first, by normal name.

    **Raises.** `PackageNotFoundError` if a package is missing that is not of an extra.
    """
    needed = _closure(OURS, ())
    whole = {**needed, **_closure(OURS, tuple(extras))}
    return {
        name: _describe(name, found, whole, is_optional=name not in needed)
        for name, found in sorted(whole.items(), key=lambda item: (item[0] != OURS, item[0]))
    }


def _closure(root: str, extras: tuple[str, ...]) -> dict[str, tuple[Distribution, frozenset[str]]]:
    """Return the packages that one needs, directly or not, with the extras that are wanted."""
    found: dict[str, tuple[Distribution, frozenset[str]]] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(root, frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        known = found.get(name)
        if known is not None and wanted <= known[1]:
            continue
        try:
            package = known[0] if known else distribution(name)
        except PackageNotFoundError:
            if extras:
                continue  # an extra that is not installed here
            raise
        wanted |= known[1] if known else frozenset()
        found[name] = (package, wanted)
        waiting += [
            (canonicalize_name(need.name), frozenset(need.extras))
            for need in _requirements(package, wanted)
        ]
    return found


def _requirements(package: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    """Yield what a package needs on this machine, with some of its extras."""
    for line in package.requires or ():
        need = Requirement(line)
        marker = need.marker
        if marker is None or any(marker.evaluate({"extra": one}) for one in ("", *extras)):
            yield need


def _describe(
    name: str,
    found: tuple[Distribution, frozenset[str]],
    whole: Mapping[str, object],
    *,
    is_optional: bool,
) -> Package:
    package, extras = found
    needs = {canonicalize_name(need.name) for need in _requirements(package, extras)}
    return Package(
        name=package.metadata["Name"],
        version=package.version,
        licence=_licence(package),
        home=_home(package),
        needs=tuple(sorted(need for need in needs if need in whole and need != name)),
        is_optional=is_optional,
    )


def _licence(package: Distribution) -> str:
    """Return the licence as an SPDX expression, or in the package's own words."""
    told = package.metadata
    if expression := told.get("License-Expression"):
        return str(expression)
    classified = [_CLASSIFIER.fullmatch(line) for line in told.get_all("Classifier") or ()]
    names = sorted({match[1] for match in classified if match and match[1] != "OSI Approved"})
    field = str(told.get("License") or "").strip()
    # Some packages have the whole text of their licence in the field.
    plain = field if field and len(field) <= 60 and "\n" not in field else ""
    return plain or "; ".join(names) or UNKNOWN


def _home(package: Distribution) -> str:
    urls = dict(
        line.split(", ", 1)
        for line in package.metadata.get_all("Project-URL") or ()
        if ", " in line
    )
    lower = {label.lower(): url for label, url in urls.items()}
    wanted = ("homepage", "source", "repository", "source code", "github")
    found = (lower[label] for label in wanted if label in lower)
    return str(next(found, package.metadata.get("Home-page") or ""))


def write_bom(packages: Mapping[str, Package]) -> str:
    """Return the bill of materials, as CycloneDX JSON."""
    components = {name: _component(name, package) for name, package in packages.items()}
    listed = "\n".join(f"{name} {package.version}" for name, package in packages.items())
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, listed))
    bom.metadata.component = components[OURS]
    bom.components = [part for name, part in components.items() if name != OURS]
    for name, package in packages.items():
        bom.register_dependency(components[name], [components[need] for need in package.needs])
    told = json.loads(JsonV1Dot6(bom).output_as_string())
    del told["metadata"]["timestamp"]
    return json.dumps(told, indent=2, sort_keys=True) + "\n"


def _component(name: str, package: Package) -> Component:
    purl = PackageURL("pypi", version=package.version, name=name)
    licences = LicenseFactory()
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.APPLICATION if name == OURS else ComponentType.LIBRARY,
        scope=ComponentScope.OPTIONAL if package.is_optional else ComponentScope.REQUIRED,
        purl=purl,
        bom_ref=str(purl),
        licenses=[] if package.licence == UNKNOWN else [licences.make_from_string(package.licence)],
        external_references=[
            ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(package.home))
        ]
        if package.home
        else [],
    )


def write_licences(packages: Mapping[str, Package]) -> str:
    """Return the list of licences, as Markdown."""
    lines = [
        "# Licences",
        "",
        "What a running OMEN is made of. *optional*: only with an extra.",
        "",
        "| package | version | licence | needed |",
        "| --- | --- | --- | --- |",
    ]
    for package in packages.values():
        needed = "optional" if package.is_optional else "always"
        licence = package.licence.replace("|", "\\|")
        lines.append(f"| {package.name} | {package.version} | {licence} | {needed} |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both files into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    packages = installed_packages()
    for name, text in (
        ("omen.cdx.json", write_bom(packages)),
        ("licences.md", write_licences(packages)),
    ):
        (folder / name).write_text(text, encoding="utf-8")
        print(f"{folder / name}: {len(packages)} packages")


if __name__ == "__main__":
    main()
