"""Finding a device or a model by a name that a person wrote."""

from collections.abc import Mapping
from types import MappingProxyType

from tokenlane_fleet.errors import UnknownProfileError
from tokenlane_fleet.hardware.catalogue import glm, gpus, llama, qwen, smollm
from tokenlane_fleet.hardware.gpu import Gpu
from tokenlane_fleet.hardware.model import Model

GPUS: Mapping[str, Gpu] = MappingProxyType({gpu.key: gpu for gpu in gpus.ALL})
MODELS: Mapping[str, Model] = MappingProxyType(
    {model.key: model for model in (*llama.ALL, *qwen.ALL, *glm.ALL, *smollm.ALL)}
)


def find_gpu(name: str) -> Gpu:
    """By key, name or alias, whatever the case and punctuation. Raises UnknownProfileError."""
    gpu = _GPU_NAMES.get(_plain(name))
    if gpu is None:
        raise UnknownProfileError(f"unknown GPU {name!r}; there are: {', '.join(sorted(GPUS))}")
    return gpu


def gpu_of_driver(name: str) -> Gpu | None:
    """The device that NVIDIA's driver calls so; None where it is none of the catalogue's."""
    return _DRIVER_NAMES.get(_brandless(name))


def find_model(name: str) -> Model:
    """By key, hub id (its organisation does not matter) or alias, whatever the case and punctuation. Raises
    UnknownProfileError."""
    model = _MODEL_NAMES.get(_plain(name))
    if model is None:
        raise UnknownProfileError(f"unknown model {name!r}; there are: {', '.join(sorted(MODELS))}")
    return model


def _plain(name: str) -> str:
    return "".join(letter for letter in name.rpartition("/")[2].lower() if letter.isalnum())


def _brandless(name: str) -> str:
    """Older drivers leave the brand out."""
    return name.strip().lower().removeprefix("nvidia ")


_GPU_NAMES = {_plain(name): gpu for gpu in GPUS.values() for name in (gpu.key, gpu.name, *gpu.aliases)}
_DRIVER_NAMES = {_brandless(name): gpu for gpu in GPUS.values() for name in gpu.driver_names}
_MODEL_NAMES = {_plain(name): model for model in MODELS.values() for name in (model.key, model.repo, *model.aliases)}
