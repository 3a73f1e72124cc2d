"""SSIMULACRA2: how alike two pictures look, 100 identical, 90 no visible difference, 50 clearly worse.

An own implementation of the metric by Jon Sneyers (Cloudinary, libjxl), in float32 and with a finite blur. The weights
are the published ones (BSD-3-Clause, copyright the JPEG XL Project Authors; see ``docs/dependencies.md``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging.ssimsums import Planes, sums

SCALES = 6
_LEAST_PX = 8
_WEIGHTS = (
    0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0, 0.0, 0.0004371155730107379, 0.0,
    1.1041726426657346, 0.00066284834129271, 0.00015231632783718752, 0.0, 0.0016406437456599754, 0.0,
    1.8422455520539298, 11.441172603757666, 0.0, 0.0007989109436015163, 0.000176816438078653, 0.0, 1.8787594979546387,
    10.94906990605142, 0.0, 0.0007289346991508072, 0.9677937080626833, 0.0, 0.00014003424285435884,
    0.9981766977854967, 0.00031949755934435053, 0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0, 0.0,
    0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262, 0.0006235601634041466, 0.0, 0.0, 6.683678146179332,
    0.00037724407979611296, 1.027889937768264, 225.20515300849274, 0.0, 0.0, 19.213238186143016,
    0.0011401524586618361, 0.001237755635509985, 176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757,
    0.0004485436923833408, 0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0008680556573291698, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0004179171803251336, 0.0017290828234722833, 0.0, 0.0020827005846636437, 0.0, 0.0,
    8.826982764996862, 23.19243343998926, 0.0, 95.1080498811086, 0.9863978034400682, 0.9834382792465353,
    0.0012286405048278493, 171.2667255897307, 0.9807858872435379, 0.0, 0.0, 0.0, 0.0005130064588990679, 0.0,
    0.00010854057858411537,
)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """What is known of a reference at one size, each as planes (3, rows, columns): its XYB, local means, variances."""

    xyb: Planes
    mean: Planes
    variance: Planes


Reference = tuple[Scale, ...]
"""The prepared side of a comparison: one entry per scale, from the finest."""

Norms = list[NDArray[np.float64]]
"""For each scale (3, 3, 2): channels, maps, and the mean and the mean fourth power: what averages over parts."""


@lru_cache(maxsize=1)
def _light_table() -> NDArray[np.float32]:
    value = np.arange(256) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def light(rgb: NDArray[np.uint8]) -> Planes:
    """Linear light, planes (3, rows, columns), of an 8-bit sRGB picture (rows, columns, 3)."""
    return sums().light(rgb, _light_table())


def quarter(planes: Planes) -> Planes:
    """Linear light at a quarter of its width and height, both rounded up."""
    return sums().halved(sums().halved(planes))


def prepare(rgb: NDArray[np.uint8]) -> Reference:
    """Prepare an 8-bit sRGB picture (rows, columns, 3) as the reference of many comparisons."""
    return prepared(light(rgb))


def prepared(planes: Planes, count: int = SCALES) -> Reference:
    """Prepare linear light on at most ``count`` scales."""
    scales: list[Scale] = []
    for _ in range(count):
        if min(planes.shape[1:]) < _LEAST_PX:
            break
        xyb = sums().xyb(planes)
        scales.append(Scale(xyb, *sums().neighbourhoods(xyb)))
        planes = sums().halved(planes)
    return tuple(scales)


def compare(reference: Reference, rgb: NDArray[np.uint8]) -> float:
    """The SSIMULACRA2 score of ``rgb`` (rows, columns, 3; 8 bit sRGB) against a prepared reference."""
    return weighed(measured(reference, light(rgb)))


def measured(reference: Reference, planes: Planes) -> Norms:
    """The norms of a picture in linear light against a reference of the same size."""
    norms: Norms = []
    for scale in reference:
        total = sums().differences(scale.xyb, scale.mean, scale.variance, sums().xyb(planes))
        norms.append(total / (planes.shape[1] * planes.shape[2]))
        planes = sums().halved(planes)
    return norms


def averaged(parts: list[Norms]) -> Norms:
    """The norms of a picture of which parts of the same size were measured."""
    return [np.mean(scale, axis=0) for scale in zip(*parts, strict=True)]


def weighed(norms: Norms) -> float:
    """The published polynomial over the weighted norms; order channel, scale, norm, map.

    A picture too small for all scales uses the weights of the scales that it has, as the reference tool does.
    """
    total = 0.0
    at = 0
    for channel in range(3):
        for scale in norms:
            for norm in range(2):
                for part in range(3):
                    value = abs(float(scale[channel, part, norm]))
                    total += _WEIGHTS[at] * (value**0.25 if norm else value)
                    at += 1
    total *= 0.9562382616834844
    total = 2.326765642916932 * total - 0.020884521182843837 * total**2 + 6.248496625763138e-05 * total**3
    return float(100 - 10 * total**0.6276336467831387) if total > 0 else 100.0
