"""What a worker is: interpreter, device, packages, and what else its numbers may depend on."""

import os
import platform
import sys

_NOT_OPTIONS = ("device", "input_dir", "output_dir", "weights_dir", "options")
# The variables that say how many threads compute; no other variable is ever looked at.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def describe(runner):
    """All that this worker can tell of itself, as what JSON has."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "device": runner.device,
        "device_name": device_name(runner.device),
        "threads": _threads(),
        "libraries": _libraries(runner.device),
        "packages": _packages(),
        "options": {key: value for key, value in vars(runner.options).items() if key not in _NOT_OPTIONS},
    }


def device_name(device):
    """What the maker of a device calls it."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda") and torch is not None:
        return torch.cuda.get_device_name(0)
    return cpu_name()


def cpu_name():
    """The model of the processor, such as `Intel(R) Xeon(R) Gold 6248`, or its kind where that is not told."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == "model name" and value.strip():
                    return value.strip()
    except OSError:  # no Linux
        pass
    return platform.processor() or platform.machine()


def _threads():
    """How many processors there are and may be used here, and what was set: sums depend on how they are divided."""
    found = {"processors": os.cpu_count() or 0}
    if hasattr(os, "sched_getaffinity"):
        found["usable"] = len(os.sched_getaffinity(0))
    for name in THREAD_VARIABLES:
        if os.environ.get(name, "").isdigit():
            found[name] = int(os.environ[name])
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch"] = torch.get_num_threads()
        found["torch_interop"] = torch.get_num_interop_threads()
    return found


def _libraries(device):
    """What computes the numbers, of the libraries that the model has imported: versions, and how they were built."""
    found = {}
    for name, look in (("numpy", _numpy), ("torch", _torch)):
        module = sys.modules.get(name)
        if module is not None:
            try:
                found[name] = look(module, device)
            except Exception as error:  # an odd version keeps nobody from computing with it
                found[name] = {"not known": "%s: %s" % (type(error).__name__, error)}
    return found


def _numpy(numpy, _):
    facts = {"version": numpy.__version__}
    built = getattr(getattr(numpy, "__config__", None), "CONFIG", {})  # since numpy 1.25
    blas = built.get("Build Dependencies", {}).get("blas", {})
    for key in ("name", "version", "openblas configuration"):
        if blas.get(key):
            facts["blas " + key] = str(blas[key])
    return facts


def _torch(torch, device):
    facts = {"version": torch.__version__, "built": torch.__config__.show(), "cuda": torch.version.cuda}
    facts["git"] = getattr(torch.version, "git_version", None)
    facts["deterministic"] = torch.are_deterministic_algorithms_enabled()
    if hasattr(torch, "get_float32_matmul_precision"):
        facts["float32_matmul_precision"] = torch.get_float32_matmul_precision()
    if device.startswith("cuda"):
        facts["cudnn"] = torch.backends.cudnn.version()
        facts["cudnn_benchmark"] = torch.backends.cudnn.benchmark
        facts["tf32"] = torch.backends.cuda.matmul.allow_tf32
        facts["compute_capability"] = "%d.%d" % torch.cuda.get_device_capability(0)
    return {key: _plain(value) for key, value in facts.items() if value is not None}


def _plain(value):
    # torch.__version__ is a text of a class of its own.
    return value if isinstance(value, (bool, int, float)) else str(value)


def _packages():
    try:
        from importlib import metadata
    except ImportError:  # Python 3.7
        return {}
    return {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
