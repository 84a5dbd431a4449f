"""What the machines of a run are busy with, under the names that MLflow's page of system metrics knows.

Each node's first rank looks when it reports, and the one writer of the run writes it down: no threads, no second
writer, and every value is the mean since the report before.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

_MEGABYTE = 1e6


class MachineMetrics:
    """Of this machine; `prefix` tells nodes apart where there are several."""

    def __init__(self, *, node: int = 0, num_nodes: int = 1) -> None:
        self.prefix = f"system/node_{node}/" if num_nodes > 1 else "system/"
        self.network = psutil.net_io_counters()
        self.devices = _devices()
        psutil.cpu_percent()  # the first call only starts the clock

    def sample(self) -> dict[str, float]:
        """Processor in percent of all cores, memory, disk of the working folder, traffic since the start, devices."""
        memory, disk, network = psutil.virtual_memory(), psutil.disk_usage(os.getcwd()), psutil.net_io_counters()  # noqa: PTH109
        found = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MEGABYTE,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
            "disk_usage_percentage": disk.percent,
            "disk_available_megabytes": disk.free / _MEGABYTE,
            "network_receive_megabytes": (network.bytes_recv - self.network.bytes_recv) / _MEGABYTE,
            "network_transmit_megabytes": (network.bytes_sent - self.network.bytes_sent) / _MEGABYTE,
        }
        for number, device in enumerate(self.devices):
            found |= {f"gpu_{number}_{name}": value for name, value in device().items()}
        return {f"{self.prefix}{name}": float(value) for name, value in found.items()}


def _devices() -> list[Callable[[], dict[str, float]]]:
    """One function for each NVIDIA device; none where the driver or its library is not there."""
    with suppress(ImportError):
        import pynvml  # of the extra `gpu`

        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            return [_reader(pynvml, pynvml.nvmlDeviceGetHandleByIndex(number)) for number in range(count)]
    return []


def _reader(nvml: Any, handle: Any) -> Callable[[], dict[str, float]]:
    def read() -> dict[str, float]:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return {
            "utilization_percentage": nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
            "memory_usage_megabytes": memory.used / _MEGABYTE,
            "memory_usage_percentage": memory.used / memory.total * 100,
            "power_usage_watts": nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
        }

    return read
