"""Training of the quick study's networks against a plain PyTorch loop, and ways of training many, as ratios in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/training.py [loop] [processes] [ways] [peak]

The peer is written as its user would: a Dataset that forms one micrograph at a time from transformed exit waves
(CTF with an envelope, inverse FFT, torch.poisson, turns, flips and shifts), a DataLoader, the same network, AdamW and
one cycle. It gets the same waves, conditions and steps; ours draws each condition and sums over the focal spread.
"""

import argparse
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from copy import deepcopy
from functools import cache
from statistics import median

import torch
from timing import paired_ratio, seconds
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from temshift.conditions import ImagingConditions
from temshift.core import Grid, wavelength
from temshift.execution import make_executor
from temshift.micrographs import Batch, MicrographSource, Stream, training_batches
from temshift.networks import (
    CompactUNet,
    CompactUNetSettings,
    Member,
    ResNetUNetSettings,
    TrainingSettings,
    UNet,
    Way,
    initialised,
    mean_loss,
    train,
    train_cohort,
)
from temshift.optics import wave_spectra

ENERGY, SIDE, SAMPLING, SPECIMENS = 300e3, 128, 0.4, 384
DEFOCUS, DEFOCUS_SD, FOCAL_SPREAD, DOSE, SEMIANGLE = 100.0, 15.0, 10.0, 400.0, 12e-3  # A, A, A, e/A^2, rad
BATCH, STEPS, RATE = 16, 120, 1e-2
GRID = Grid((SIDE, SIDE), (SAMPLING, SAMPLING))
EPOCH = SPECIMENS // BATCH
COMPACT, LARGER = CompactUNetSettings(), ResNetUNetSettings()
WAY_ROUNDS = 2
H100_PEAK = 989e12  # dense bfloat16 operations a second; NVIDIA H100 SXM data sheet


def waves_and_masks() -> tuple[Tensor, Tensor]:
    """Random phase objects with a disc each; their values change no time."""
    draws = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(float(SIDE)), torch.arange(float(SIDE)), indexing="ij")
    centres = torch.randint(32, SIDE - 32, (SPECIMENS, 2, 1, 1), generator=draws)
    masks = torch.hypot(y - centres[:, 0], x - centres[:, 1]) < 30
    phases = 0.1 * torch.randn(SPECIMENS, SIDE, SIDE, generator=draws) * (1 + masks)
    return torch.polar(torch.ones_like(phases), phases), masks


# The peer: no part of it is ours but the class of the network.


class Micrographs(Dataset[tuple[Tensor, Tensor]]):
    """One micrograph a specimen, formed anew each time."""

    def __init__(self, waves: Tensor, masks: Tensor) -> None:
        frequencies = torch.fft.fftfreq(SIDE, SAMPLING)
        self.q2 = frequencies[:, None] ** 2 + frequencies[None, :] ** 2
        self.wavelength = wavelength(ENERGY)
        aperture = self.q2.sqrt() * self.wavelength <= SEMIANGLE
        envelope = torch.exp(-0.5 * (math.pi * self.wavelength * FOCAL_SPREAD * self.q2) ** 2)
        self.transfer = aperture * envelope
        self.spectra = torch.fft.fft2(waves)
        self.masks = masks

    def __len__(self) -> int:
        return len(self.spectra)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        defocus = DEFOCUS + DEFOCUS_SD * float(torch.randn(()))
        chi = -math.pi * self.wavelength * defocus * self.q2
        wave = torch.fft.ifft2(self.spectra[index] * torch.polar(self.transfer, -chi))
        counts = torch.poisson(wave.abs() ** 2 * DOSE * SAMPLING**2)
        image = (counts - counts.mean()) / counts.std()
        return self.augmented(torch.stack([image, self.masks[index].float()]))

    @staticmethod
    def augmented(both: Tensor) -> tuple[Tensor, Tensor]:
        shifts = torch.randint(SIDE, (2,)).tolist()
        both = torch.rot90(torch.roll(both, shifts, (-2, -1)), int(torch.randint(4, ())), (-2, -1))
        if torch.rand(()) < 0.5:
            both = both.flip(-1)
        return both[:1], both[1:]


def plain_loop(dataset: Micrographs, steps: int, device: str) -> nn.Module:
    """Train one network."""
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, drop_last=True)
    model = CompactUNet(COMPACT).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=steps)
    criterion = nn.BCEWithLogitsLoss()
    model.train()
    for _ in range(steps // len(loader)):
        running = 0.0
        for images, masks in loader:
            optimiser.zero_grad()
            loss = criterion(model(images.to(device)), masks.to(device))
            loss.backward()
            optimiser.step()
            schedule.step()
            running += loss.item()
    return model


# Ours.


def source_of(waves: Tensor, masks: Tensor, device: str) -> MicrographSource:
    spectra = wave_spectra(waves[:, None].to(device), GRID, ENERGY, SEMIANGLE)
    return MicrographSource(spectra, masks.to(device))


def conditions() -> ImagingConditions:
    return ImagingConditions.model_validate(
        {
            "defocus_nm": {"normal": {"mean": DEFOCUS / 10, "sd": DEFOCUS_SD / 10}},
            "dose_e_per_A2": DOSE,
            "semiangle_cutoff_mrad": SEMIANGLE * 1e3,
            "focal_spread_sigma_nm": FOCAL_SPREAD / 10,
        }
    )


def our_networks(source: MicrographSource, steps: int, count: int = 1) -> None:
    """Train some networks, each with its own draws."""
    settings = TrainingSettings(steps=steps, batch=BATCH, learning_rate=RATE)
    members = [
        Member(
            initialised(COMPACT, number).to(source.masks.device),
            training_batches(source, conditions(), steps=steps, batch=BATCH, stream=Stream(1, (0, number))),
            settings,
        )
        for number in range(count)
    ]
    train_cohort(members, epoch_steps=EPOCH)


# Comparisons.


def against_the_loop(device: str) -> None:
    """An epoch of each in turn, of five; on a GPU ours are 32 networks together."""
    waves, masks = waves_and_masks()
    source, dataset = source_of(waves, masks, device), Micrographs(waves, masks)
    count = 1 if device == "cpu" else 32
    ours, peer, ratio = paired_ratio(
        timed(lambda: our_networks(source, EPOCH, count), device),
        timed(lambda: plain_loop(dataset, EPOCH, device), device),
        rounds=12,
        clock=time.process_time if device == "cpu" else time.perf_counter,
    )
    each = STEPS / EPOCH / 60  # of so many epochs, in minutes
    print(
        f"compact networks a minute on {device}, {STEPS} steps of {BATCH}: {count / ours / each:.1f}; plain loop: "
        f"{1 / peer / each:.1f}; ratio {count * ratio:.2f}",
        flush=True,
    )


def two_processes() -> None:
    """Four epochs by one process, and two by each of two: the workers of a study.

    The clock tells what two cores give that nobody else uses, the processors' time what two workers cost each other.
    """
    with make_executor(1) as one, make_executor(2) as two:
        for executor, workers in ((one, 1), (two, 2)):
            shared(executor, workers, 2 * workers)  # starts them and forms their waves
        pairs = [(shared(one, 1, 4 * EPOCH), shared(two, 2, 4 * EPOCH)) for _ in range(5)]
    by_clock, by_processor = ([single[part] / double[part] for single, double in pairs] for part in (0, 1))
    print(
        f"two processes against one, {4 * EPOCH} steps: ratio {median(by_clock):.2f} by the clock, "
        f"{2 * median(by_processor):.2f} by the processors' time",
        flush=True,
    )


def shared(executor: Executor, workers: int, steps: int) -> tuple[float, float]:
    """Seconds by the clock, and of all processors."""
    started = time.perf_counter()
    used = [executor.submit(worker, steps // workers) for _ in range(workers)]
    processors = sum(future.result() for future in used)
    return time.perf_counter() - started, processors


def worker(steps: int) -> float:
    torch.set_num_threads(1)
    source = kept_source()
    return seconds(lambda: our_networks(source, steps), time.process_time)


@cache
def kept_source() -> MicrographSource:
    return source_of(*waves_and_masks(), "cpu")


def ways(device: str) -> None:
    """Milliseconds a step and network, of K networks in one process, on batches that are there already."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    larger = (1, 8, 32) if device == "cuda" else (1, 2)  # 32 together would fill the memory and minutes of a CPU
    for settings, counts, steps in ((COMPACT, (1, 8, 32), 3), (LARGER, larger, 1)):
        for count in counts:
            found: dict[str, list[float]] = {}
            for _ in range(1 + WAY_ROUNDS):
                for name, prepare in WAYS.items():
                    batches = [random_batches(number, steps, device) for number in range(count)]
                    networks = [initialised(settings, number).to(device) for number in range(count)]
                    action = timed(prepare(networks, batches), device)
                    found.setdefault(name, []).append(seconds(action, clock) / steps / count)
            told = "; ".join(f"{name} {median(times[1:]) * 1e3:.1f}" for name, times in found.items())
            print(f"{settings.kind}, K = {count}, {device}, ms a step and network: {told}", flush=True)


def random_batches(number: int, steps: int, device: str) -> list[Batch]:
    images = torch.randn(steps, BATCH, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(number)).to(device)
    return [(batch, batch > 0.5) for batch in images]


def cohort(way: Way) -> Callable[[list[UNet], list[list[Batch]]], Callable[[], object]]:
    def prepare(networks: list[UNet], batches: list[list[Batch]]) -> Callable[[], object]:
        settings = TrainingSettings(steps=max(2, len(batches[0])), batch=BATCH, schedule="decay")
        settings = settings.model_copy(update={"steps": len(batches[0])})
        members = [Member(network, own, settings) for network, own in zip(networks, batches, strict=True)]
        return lambda: train_cohort(members, epoch_steps=len(batches[0]), way=way)

    return prepare


def grouped(networks: list[UNet], batches: list[list[Batch]]) -> Callable[[], object]:
    """One network with K times the channels and as many groups; one optimiser, so one learning rate, for all."""
    joint = deepcopy(networks[0])
    count = len(networks)
    for name, module in joint.named_modules():
        if isinstance(module, nn.Conv2d):
            module.groups = count
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean, module.running_var = (
                torch.cat([getattr(one.get_submodule(name), part) for one in networks])
                for part in ("running_mean", "running_var")
            )
        for part, parameter in module.named_parameters(recurse=False):
            pieces = [one.get_submodule(name).get_parameter(part).detach() for one in networks]
            setattr(module, part, nn.Parameter(torch.cat(pieces).contiguous(memory_format=layout(parameter))))
    optimiser = torch.optim.AdamW(joint.parameters(), lr=RATE, foreach=True)

    def run() -> None:
        for step in zip(*batches, strict=True):
            images, masks = (torch.cat([batch[part] for batch in step], dim=1) for part in (0, 1))
            with Joined(count):
                logits = joint.segment(images)
            loss = count * nn.functional.binary_cross_entropy_with_logits(logits, masks.float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return run


def layout(parameter: Tensor) -> torch.memory_format:
    return torch.channels_last if parameter.ndim == 4 else torch.contiguous_format


class Joined(TorchFunctionMode):
    """Joins channels network by network."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is not torch.cat:
            return func(*args, **(kwargs or {}))
        parts = [part.unflatten(1, (self.count, -1)) for part in args[0]]
        return torch.cat(parts, dim=2).flatten(1, 2)


WAYS = {"in turn": cohort("in_turn"), "together (vmap)": cohort("together"), "grouped convolutions": grouped}


def share_of_peak() -> None:
    """Operations of a training step of the larger network, counted, against its time in bfloat16."""
    network = initialised(LARGER, 0)
    with FlopCounterMode(display=False) as counter:
        mean_loss(network, random_batches(0, 1, "cpu")[0], TrainingSettings()).backward()
    operations = counter.get_total_flops() / BATCH
    print(f"{LARGER.kind}: {operations / 1e9:.1f} GFLOP an image of {SIDE} x {SIDE} and step", flush=True)
    if torch.cuda.is_available():
        batch = tuple(part.repeat(16, 1, 1, 1) for part in random_batches(0, 1, "cuda")[0])
        settings = TrainingSettings(steps=20, precision="bfloat16")
        network = network.to("cuda")
        action = timed(lambda: train(network, [batch] * 20, settings, epoch_steps=20), "cuda")
        taken = median(seconds(action, time.perf_counter) for _ in range(5)) / 20
        rate = operations * len(batch[0]) / taken
        print(f"in bfloat16, batches of {len(batch[0])}: {rate / H100_PEAK:.2f} of an H100's peak", flush=True)


def timed(action: Callable[[], object], device: str) -> Callable[[], object]:
    """The same, until the device has done it."""

    def run() -> None:
        action()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def main() -> None:
    parts = {
        "loop": lambda: [against_the_loop(device) for device in devices],
        "processes": two_processes,
        "ways": lambda: [ways(device) for device in devices],
        "peak": share_of_peak,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *parts])
    parser.add_argument("--device-only", action="store_true", help="on a CUDA device, and not on the CPU")
    asked = parser.parse_args()
    chosen = asked.parts
    torch.set_num_threads(1)
    devices = [*([] if asked.device_only else ["cpu"]), *(["cuda"] if torch.cuda.is_available() else [])]
    for name in chosen or parts:
        parts[name]()


if __name__ == "__main__":
    main()
