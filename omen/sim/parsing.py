"""Reads profiles from what people write: a line for the command line, a mapping for a file.

A line is a preset's name, or settings, or both, with commas: `stalls`, `fast,tokens=200`,
`realistic,correlation=0.5,status:429=0.05,midstream_error:10=0.02`. A setting is a field of
`Profile`, or a kind of fault with its probability; what follows a fault's colon is its own first
parameter (a status, a number of tokens, an interval). Distributions are written with colons:
`0.5` fixed, `1.34:0.67` lognormal (median, sigma), `1.34:0.67:0.01:15:175:819` with a stall tail
(probability, offset, mean, cap); `40-120` is a length between two.

A mapping has the same keys, and `preset`; its `faults` map a kind to a probability or to a
mapping with the fault's own fields, or to a list of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from omen.sim.distributions import Between, Delay, Fixed, LogNormal, StallTail
from omen.sim.fault_kinds import FAULTS
from omen.sim.faults import Fault
from omen.sim.presets import PRESETS
from omen.sim.profile import Profile


class ProfileError(ValueError):
    """A profile that cannot be read. The message says where, what was found and what may be."""


def profile_from_line(line: str) -> Profile:
    """Read a profile from one line. **Raises.** `ProfileError`."""
    first, *rest = [part.strip() for part in line.split(",")]
    settings = rest if "=" not in first else [first, *rest]
    values: dict[str, Any] = {} if "=" in first else {"preset": first}
    faults: dict[str, list[Any]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        kind, _, parameter = name.partition(":")
        if not equals:
            raise ProfileError(f"{setting!r} is not of the form name=value")
        if kind in FAULTS:
            faults.setdefault(kind, []).append(_written_fault(kind, value, parameter))
        else:
            values[name] = value
    return profile_from_mapping({**values, "faults": faults} if faults else values)


def profile_from_mapping(values: Mapping[str, Any]) -> Profile:
    """Read a profile from plain values. **Raises.** `ProfileError`."""
    preset = values.get("preset", "realistic")
    base = PRESETS.get(preset) if isinstance(preset, str) else None
    if base is None:
        raise ProfileError(f"preset: found {preset!r}, allowed are {_listed(PRESETS)}")
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name == "preset":
            continue
        read = _READERS.get(name)
        if read is None:
            allowed = _listed({"preset": None, **_READERS, **FAULTS})
            raise ProfileError(f"{name}: no such setting, allowed are {allowed}")
        changes[name] = _reading(name, read, value)
    try:
        return replace(base, **changes)
    except ValueError as error:
        raise ProfileError(f"profile: {error}") from error


def _delay(value: Any) -> Delay:
    if isinstance(value, Mapping):
        return _delay_from_mapping(value)
    match _numbers(value):
        case [seconds]:
            return Fixed(seconds)
        case [median, sigma]:
            return LogNormal(median, sigma)
        case [median, sigma, probability, offset, mean, cap]:
            return StallTail(LogNormal(median, sigma), probability, offset, mean, cap)
    raise ValueError("a delay is 1, 2 or 6 numbers, found " + repr(value))


def _delay_from_mapping(value: Mapping[str, Any]) -> Delay:
    names = set(value)
    if names == {"seconds"}:
        return Fixed(float(value["seconds"]))
    if names == {"median", "sigma"}:
        return LogNormal(float(value["median"]), float(value["sigma"]))
    tail = ("probability", "offset", "mean", "cap")
    if names == {"median", "sigma", *tail}:
        base = LogNormal(float(value["median"]), float(value["sigma"]))
        return StallTail(base, *(float(value[name]) for name in tail))
    raise ValueError(
        "a delay has seconds; or median, sigma; or these and probability, offset, mean, cap; "
        f"found {_listed(value)}"
    )


def _gap(value: Any) -> Fixed | LogNormal:
    gap = _delay(value)
    if isinstance(gap, StallTail):
        raise TypeError("a gap has no stall tail")
    return gap


def _length(value: Any) -> int | Between:
    if isinstance(value, Mapping):
        return Between(int(value["low"]), int(value["high"]))
    low, dash, high = str(value).partition("-")
    return Between(int(low), int(high)) if dash else int(low)


def _faults(value: Any) -> tuple[Fault, ...]:
    if not isinstance(value, Mapping):
        raise TypeError(f"found {value!r}, allowed is a mapping from kinds to probabilities")
    return tuple(fault for kind, given in value.items() for fault in _faults_of(kind, given))


def _faults_of(kind: str, given: Any) -> Iterator[Fault]:
    if kind not in FAULTS:
        raise ValueError(f"no fault {kind!r}, allowed are {_listed(FAULTS)}")
    for one in given if isinstance(given, list) else [given]:
        values = one if isinstance(one, Mapping) else {"probability": one}
        yield _fault(kind, values)


def _fault(kind: str, values: Mapping[str, Any]) -> Fault:
    known = {field.name: _converter(field.default) for field in fields(FAULTS[kind])}
    unknown = set(values) - set(known)
    if unknown or "probability" not in values:
        raise ValueError(f"{kind} needs a probability and may have {_listed(known)}")
    return FAULTS[kind](**{name: known[name](value) for name, value in values.items()})


def _written_fault(kind: str, probability: str, parameter: str) -> dict[str, Any]:
    values = {"probability": probability}
    if parameter:
        own = [field.name for field in fields(FAULTS[kind]) if field.name != "probability"]
        if not own:
            raise ProfileError(f"{kind}:{parameter}: {kind} has no parameter")
        values[own[0]] = parameter
    return values


def _converter(default: object) -> Callable[[Any], Any]:
    """Read a value as what its field's default is; the probability has none and is a number."""
    if isinstance(default, bool):
        return _truth
    if isinstance(default, str):
        return str
    return int if isinstance(default, int) else float


def _truth(value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError(f"found {value!r}, allowed are true and false")


def _numbers(value: Any) -> list[float]:
    return [float(part) for part in str(value).split(":")]


def _reading(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError, KeyError) as error:
        raise ProfileError(f"{name}: {error}") from error


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "first_token": _delay,
    "gap": _gap,
    "tokens": _length,
    "correlation": float,
    "faults": _faults,
    "everywhere": _truth,
    "bills_in_full": _truth,
}
