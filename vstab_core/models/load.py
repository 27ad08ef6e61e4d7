"""Read and write weights: a safetensors file that carries its architecture, a checksum and where it comes from.

Only `load_module` needs torch.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..outfile import whole_file

if TYPE_CHECKING:
    import torch

Arrays = dict[str, npt.NDArray[Any]]

WEIGHTS = Path(__file__).with_name("weights")
FROM_TRAINING = "give a file that `vstab train` wrote"


def weights_path(name: str) -> Path:
    """Return where the weights of a network lie that were installed with the package."""
    return WEIGHTS / f"{name}.safetensors"


def load(name: str, architecture: str, path: Path | None = None) -> Arrays:
    """Return the weights of a network as arrays, by name.

    Args:
        name: of the network: "path", "motion", "stabnet".
        architecture: what the code can run; the file must be of the same.
        path: another file than the installed one.

    Raises:
        ModelError: the file is missing, damaged or of another architecture.
    """
    return _read(path or weights_path(name), name, architecture)[0]


def facts_of(path: Path) -> dict[str, Any]:
    """Return what a weights file says of its training; nothing if it says nothing.

    Raises:
        ModelError: the file is missing or damaged.
    """
    return dict(json.loads(_header(path).get("facts", "{}")))


def architecture_of(path: Path) -> str:
    """Return the architecture of the network that a weights file holds.

    Raises:
        ModelError: the file is missing or damaged.
    """
    return _header(path).get("architecture", "unknown")


def load_module(name: str, path: Path | None = None, device: str = "cpu") -> torch.nn.Module:
    """Return a network of `models/<name>.py` with its weights, ready to be run.

    Raises:
        ModelError: as `load`; also where the device is not there.
    """
    import torch

    source = importlib.import_module(f".{name}", __package__)
    arrays, file = load(name, source.ARCHITECTURE, path), path or weights_path(name)
    module: torch.nn.Module = source.build()
    state = {key: torch.from_numpy(value) for key, value in arrays.items()}
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    for key in sorted({*wanted, *state}):
        found = tuple(state[key].shape) if key in state else None
        if wanted.get(key) != found:
            raise ModelError(f"'{file}' does not fit the network '{name}': {key} is {found}, not {wanted.get(key)}")
    module.load_state_dict(state)
    return module.eval().to(checked_device(device))


def folded(net: torch.nn.Module) -> torch.nn.Module:
    """Make one of each convolution and the batch norm after it: a fifth less time for what a frame is like."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for part in net.modules():
        if not isinstance(part, torch.nn.Sequential) or len(part) < 2:
            continue
        conv, norm = part[0], part[1]
        if isinstance(conv, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d):
            part[0], part[1] = fuse_conv_bn_eval(conv, norm), torch.nn.Identity()
    return net


def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16: convolutions then take two fifths of the time."""
    import torch

    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def checked_device(name: str) -> torch.device:
    """Return a device of torch: "cpu", "cuda", or "auto" for the fastest that is there.

    Raises:
        ModelError: it is not there.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(f"--device {name} needs a CUDA GPU, and torch {torch.__version__} finds none; use cpu or auto")
    return torch.device(name)


def save(arrays: Mapping[str, npt.NDArray[Any]], path: Path, architecture: str, facts: Mapping[str, object]) -> None:
    """Write a weights file, whole or not at all; one that is there is replaced.

    Args:
        arrays: by name.
        path: of the file.
        architecture: of the network, as `load` will ask for it.
        facts: of the training, for the model card; anything JSON can hold.
    """
    from safetensors.numpy import save as as_bytes

    plain = {key: np.asarray(value, order="C") for key, value in arrays.items()}  # keeps a scalar a scalar
    metadata = {"architecture": architecture, "checksum": _checksum(plain), "facts": json.dumps(dict(facts))}
    with whole_file(path, None, True) as file:
        file.write_bytes(as_bytes(plain, metadata))  # `save_file` lets nobody else read it


def _read(path: Path, name: str, architecture: str) -> tuple[Arrays, dict[str, str]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    header = _header(path)
    found = header.get("architecture", "unknown")
    if found != architecture:
        raise ModelError(
            f"'{path}' holds a network of architecture {found!r}, and '{name}' needs {architecture!r}; train it "
            f"anew with `vstab train {name}`, or use the file that came with this version"
        )
    try:
        arrays = load_file(str(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if _checksum(arrays) != header.get("checksum"):
        raise _damaged(path, "its checksum is another than that of its weights")
    return arrays, header


def _header(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        own = f"install vstab again, or train them with `vstab train {path.stem}`"
        raise ModelError(f"no weights at '{path}'; {own if _is_installed(path) else FROM_TRAINING}")
    try:
        with safe_open(str(path), "np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> ModelError:
    if _is_installed(path):
        return ModelError(f"the weights in '{path}' are damaged ({why}); install vstab again")
    return ModelError(f"'{path}' is damaged or no .safetensors file ({why}); {FROM_TRAINING}")


def _is_installed(path: Path) -> bool:
    return path.parent == WEIGHTS


def _checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        digest.update(f"{key} {arrays[key].dtype} {arrays[key].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[key]).tobytes())
    return digest.hexdigest()
