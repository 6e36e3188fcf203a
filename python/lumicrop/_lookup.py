"""Arguments that a caller leaves out, looked up on an object that holds them, as smlmlp's functions do."""

from __future__ import annotations

import functools
import inspect
import time

from ._abi import InvalidArgument


def looked_up(function):
    """Give `function` the keywords `locs`, `config` and `df_name`.

    An argument not given, or given as None, is looked up by its name on ``locs.<df_name>``, then on ``locs.config`` or
    `config`, and takes its default where neither has it. Positional-only arguments are not looked up. An object `locs`
    that keeps `times` is told how long the call took.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    named = [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY]
    by_place = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    needed = sum(p.default is p.empty for p in parameters)
    # What may still be given by its name where so many arguments stand by place.
    by_name = [frozenset(named).difference(by_place[:count]) for count in range(len(by_place) + 1)]

    def bound(args: tuple, keywords: dict) -> dict:
        """The arguments by name: what ``signature.bind`` finds, which is asked only where it would refuse them."""
        if not (needed <= len(args) <= len(by_place) and keywords.keys() <= by_name[len(args)]):
            return signature.bind(*args, **keywords).arguments
        return dict(zip(by_place, args)) | keywords

    @functools.wraps(function)
    def with_lookup(*args, locs=None, config=None, df_name="detections", **keywords):
        if locs is not None and config is not None:
            raise InvalidArgument("locs and config are both given, at most one of them expected")
        sources = [config] if locs is None else [getattr(locs, df_name), getattr(locs, "config", None)]
        keywords = {name: value for name, value in keywords.items() if value is not None}
        if locs is config is None and needed <= len(args) <= len(positional) and keywords.keys() <= by_name[0]:
            return function(*args, **keywords)  # nothing to look up
        given = bound(args, keywords)
        for source in sources:
            if source is not None:
                given |= {name: getattr(source, name, None) for name in named if given.get(name) is None}
        given = {name: value for name, value in given.items() if value is not None}  # the others take their defaults
        start = time.perf_counter()
        result = function(*[given.pop(name, None) for name in positional], **given)
        if locs is not None and getattr(locs, "times", None) is not None:
            name = function.__name__
            locs.times[name] = locs.times.get(name, 0) + time.perf_counter() - start
        return result

    extra = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
             for name, default in (("locs", None), ("config", None), ("df_name", "detections"))]
    with_lookup.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *extra])
    return with_lookup
