"""gitreg: a model registry that is just Git.

A run is a commit, a version is a tag, a stage is a file on main, a promotion is a pull request.
Names are imported when they are first used, so that `import gitreg` costs next to nothing; __init__.pyi tells type
checkers the same names.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_WHERE = {
    "gitreg.checks._base": "Report",
    "gitreg.errors": "Conflict Damaged GitregError NotFound Refused Unreachable Unsupported",
    "gitreg.flavors": "infer_signature",
    "gitreg.format.pulls": "PullRequest",
    "gitreg.format.runs": "LoggedModel Run",
    "gitreg.format.schema": "Signature",
    "gitreg.format.versions": "ModelVersion",
    "gitreg.registry.runs.commit": "commit",
    "gitreg.registry.queries.diff": "Diff diff",
    "gitreg.registry.queries.history": "history",
    "gitreg.registry.start.init": "init",
    "gitreg.registry.use.load": "load_model load_pyfunc",
    "gitreg.registry.use.pull": "pull",
    "gitreg.registry.runs.log": "log_artifact log_artifacts log_dict log_figure log_metric log_metrics log_param"
    " log_params log_text set_tags",
    "gitreg.registry.runs.log_model": "log_model save_model",
    "gitreg.registry.notes": "note",
    "gitreg.registry.runs.open_run": "active_run end_run start_run",
    "gitreg.registry.place": "use",
    "gitreg.registry.promotion.check": "check",
    "gitreg.registry.promotion.promote": "promote",
    "gitreg.registry.promotion.rollback": "rollback",
    "gitreg.registry.push": "fetch push",
    "gitreg.registry.register": "register",
    "gitreg.registry.resolve": "get_run resolve",
    "gitreg.registry.retire": "retire",
    "gitreg.registry.queries.search": "RegisteredModel models search_runs search_versions stages",
    "gitreg.registry.use.watch": "watch",
}
_NAMES = {name: module for module, names in _WHERE.items() for name in names.split()}
__all__ = sorted([*_NAMES, "__version__"])


def __getattr__(name: str) -> object:
    if name in _NAMES:
        found: object = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'gitreg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
