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
    positional = [name for name, p in signature.parameters.items() if p.kind is p.POSITIONAL_ONLY]
    named = [name for name in signature.parameters if name not in positional]

    @functools.wraps(function)
    def with_lookup(*args, locs=None, config=None, df_name="detections", **keywords):
        if locs is not None and config is not None:
            raise InvalidArgument("locs and config are both given, at most one of them expected")
        sources = [config] if locs is None else [getattr(locs, df_name), getattr(locs, "config", None)]
        keywords = {name: value for name, value in keywords.items() if value is not None}
        given = signature.bind(*args, **keywords).arguments
        for name in named:
            candidates = [given.get(name), *(getattr(source, name, None) for source in sources)]
            given[name] = next((value for value in candidates if value is not None), signature.parameters[name].default)
        start = time.perf_counter()
        result = function(*[given.get(name) for name in positional], **{name: given[name] for name in named})
        if locs is not None and getattr(locs, "times", None) is not None:
            name = function.__name__
            locs.times[name] = locs.times.get(name, 0) + time.perf_counter() - start
        return result

    extra = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
             for name, default in (("locs", None), ("config", None), ("df_name", "detections"))]
    with_lookup.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *extra])
    return with_lookup
