"""What a model's own Python runs first: it makes gitreg importable, and nothing else from where gitreg is installed."""

import datetime
import importlib.util
import sys
from pathlib import Path


def main() -> None:
    """Run the worker that speaks on the descriptor named in the first argument."""
    package = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        "gitreg", str(package / "__init__.py"), submodule_search_locations=[str(package)]
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["gitreg"] = module
    spec.loader.exec_module(module)
    if not hasattr(datetime, "UTC"):  # all that Python 3.10 lacks
        datetime.UTC = datetime.timezone.utc  # noqa: UP017
    from gitreg.registry.environments.worker import work

    work(int(sys.argv[1]))


if __name__ == "__main__":
    main()
