"""Several commands as few experiments: those that differ in strategy, partition and seed alone are one product."""

from copy import deepcopy
from itertools import product
from typing import Any

from torchal.digest import canonical
from torchal.migrate.draft import Draft
from torchal.spec import one_or_many

_AXES = ("strategy", "partition", "seed")


def joined(drafts: list[Draft]) -> list[Draft]:
    """Return as few drafts as say the same, with what each does not hold."""
    groups: dict[str, list[Draft]] = {}
    for draft in drafts:
        groups.setdefault(_rest(draft), []).append(draft)
    return [each for group in groups.values() for each in (_product(group) or map(Draft.finish, group))]


def _rest(draft: Draft) -> str:
    """Return all that must be equal: everything but the axes, the name, and who searches."""
    document = deepcopy(draft.document)
    document["tuning"].pop("scope", None)
    return canonical({name: value for name, value in document.items() if name not in {"name", *_AXES}})


def _product(group: list[Draft]) -> list[Draft] | None:
    """Return one draft for all of a group, if they are a product; None if they are not."""
    firsts = {each["--reuse_aml_seed"] for each in group if each["--reuse_aml"]}
    searching = {each["--seed_id"] for each in group if not each["--reuse_aml"]}
    if len(firsts) > 1 or (firsts and not searching <= firsts):
        return None
    values: dict[str, list[Any]] = {"strategy": [], "partition": [], "seed": sorted(firsts)}
    points = [[each.document["strategy"], each.document["partition"], each["--seed_id"]] for each in group]
    for point in points:
        for axis, value in zip(_AXES, point, strict=True):
            if value not in values[axis]:
                values[axis].append(value)
    asked = {canonical(point) for point in points}
    own = [each for each in values["seed"] if any(each == point[2] for point in points)]
    if asked != {canonical(list(each)) for each in product(values["strategy"], values["partition"], own)}:
        return None
    return [_one(group, values, "first_seed" if firsts else None)]


def _one(group: list[Draft], values: dict[str, list[Any]], scope: str | None) -> Draft:
    """Return the first draft with the axes of all, and all that is to be said of any."""
    whole, used = group[0], set[str]().union(*(each.used for each in group))
    for each in group:
        each.used = used
        each.finish()
    for axis, found in values.items():
        whole.document[axis] = _shortened(found)
    if scope:
        whole.document["tuning"]["scope"] = scope
    for other in group[1:]:
        whole.remarks += [each for each in other.remarks if each not in whole.remarks]
        for path, told in other.sources.items():
            known = whole.sources.setdefault(path, [])
            known += [each for each in told if each not in known]
    return whole


def _shortened(values: list[Any]) -> Any:
    """Return one value as it is, and published partitions of one size as the list of their numbers."""
    if len(values) == 1:
        return values[0]
    published = [one_or_many(each["published"]) for each in values if isinstance(each, dict) and "published" in each]
    rest = {canonical({k: v for k, v in each.items() if k != "published"}) for each in values if isinstance(each, dict)}
    if len(published) == len(values) and len(rest) == 1:
        return values[0] | {"published": [number for each in published for number in each]}
    return values
