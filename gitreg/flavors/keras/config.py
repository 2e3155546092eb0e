"""The configuration of a Keras model, read before Keras reads it: which classes it names, and what of it runs code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitreg.errors import Damaged

# Classes of Keras that run code or files of the model's author when they are loaded.
_UNSAFE = ("TFSMLayer", "TorchModuleWrapper")
LAMBDA = "keras.layers.Lambda"

_PACKAGES = ("keras_hub", "keras_cv", "keras_nlp")  # Keras itself imports layers from these
_WIDTHS = ("units", "filters", "input_dim", "output_dim")
_SLACK = 1 << 20


@dataclass(frozen=True)
class Named:
    """A class or function that a configuration names: where it is from, and what it is registered as."""

    module: str
    name: str
    registered: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Names:
    """What a configuration names besides Keras itself.

    `custom` are classes and functions of others, `packages` the modules of the Keras family, `unsafe` what runs code
    of the model's author, by its name in Keras.
    """

    custom: tuple[Named, ...] = ()
    packages: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()


def names_in(config: object) -> Names:
    """What `config` names, each once, in order."""
    custom: dict[Named, None] = {}
    packages: dict[str, None] = {}
    unsafe: dict[str, None] = {}
    for entry in _objects(config):
        kind = entry.get("class_name")
        if not isinstance(kind, str):
            continue
        module, settings = entry.get("module"), entry.get("config")
        if kind == "__lambda__" or (kind == "Lambda" and _holds_bytecode(settings)):
            unsafe[LAMBDA] = None
        elif kind in _UNSAFE:
            unsafe[f"keras.layers.{kind}"] = None
        elif isinstance(module, str) and not kind.startswith("__"):
            name = settings if kind == "function" and isinstance(settings, str) else kind
            top = module.partition(".")[0]
            if top in _PACKAGES:
                packages[module] = None
            elif top not in ("keras", "builtins"):
                registered = entry.get("registered_name")
                custom[Named(module, name, registered if isinstance(registered, str) else name)] = None
    return Names(tuple(custom), tuple(packages), tuple(unsafe))


def _holds_bytecode(settings: object) -> bool:
    """Whether a Lambda layer of the old format has its function as bytecode, and not by name."""
    return isinstance(settings, dict) and settings.get("function_type") == "lambda"


def check_widths(config: object, weights: int, file: str) -> None:
    """Raise `Damaged` where a layer declares more values than `weights` bytes can hold.

    A layer's room is taken before its weights are read, so a small file could ask for all memory there is. Layers
    that compute their size from several settings are not seen through.
    """
    most = 2 * weights + _SLACK  # a value takes half a byte or more
    for entry in _objects(config):
        settings = entry.get("config")
        if not isinstance(settings, dict):
            continue
        widths = [settings[key] for key in _WIDTHS if type(settings.get(key)) is int]
        count = 1
        for width in (*widths, *_channels(entry)) if widths else ():
            count *= max(width, 1)
        if count > most:
            layer = str(settings.get("name", entry.get("class_name")))[:60]
            raise Damaged(f"{file}: the layer {layer} declares {count} values, and the weights have {weights} bytes")


def _channels(entry: Mapping[str, object]) -> tuple[int, ...]:
    """The last dimension of what a layer takes, where it says so. Embeddings take whole numbers of any shape."""
    built, settings = entry.get("build_config"), entry.get("config")
    shape = built.get("input_shape") if isinstance(built, dict) else None
    embeds = isinstance(settings, dict) and "input_dim" in settings
    last = shape[-1] if isinstance(shape, list) and shape and not embeds else None
    return (last,) if type(last) is int else ()


def _objects(config: object) -> Iterator[dict[str, object]]:
    """Every dict in `config`, outermost first. Without recursion: the depth is the author's choice."""
    rest = [config]
    while rest:
        entry = rest.pop()
        if isinstance(entry, dict):
            yield entry
            rest.extend(reversed(entry.values()))
        elif isinstance(entry, list):
            rest.extend(reversed(entry))


def renumber(config: object) -> object:
    """Give shared objects the numbers 1, 2, 3 ...: Keras takes their addresses in memory, others in each process.

    Types of numbers have none: Keras makes them anew each time it is asked, and takes two that had one address after
    each other for one.
    """
    numbers: dict[int, int] = {}
    for entry in _objects(config):
        shared = entry.get("shared_object_id")
        if type(shared) is not int or "class_name" not in entry:
            continue
        if "DTypePolicy" in str(entry["class_name"]):
            del entry["shared_object_id"]
        else:
            entry["shared_object_id"] = numbers.setdefault(shared, len(numbers) + 1)
    return config
