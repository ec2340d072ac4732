"""The ground of a demo scene: reflectance of land, water, snow and built-up areas in four bands.

Spectra follow the usual shapes: vegetation bright in the near infrared, water dark in it, snow bright in the visible and darker in the
near infrared, sand rising with the wavelength, concrete gray. A little path radiance is included, so blue is never dark.
"""

from dataclasses import dataclass

import numpy as np

from .demo_noise import fractal, ramp, top

# Top-of-atmosphere reflectance in the order red, green, blue, nir.
FOREST = (0.055, 0.075, 0.095, 0.30)
GRASS = (0.095, 0.115, 0.110, 0.36)
SOIL = (0.210, 0.165, 0.140, 0.28)
SAND = (0.470, 0.390, 0.290, 0.55)
ROCK = (0.190, 0.175, 0.165, 0.23)
WATER = (0.055, 0.080, 0.105, 0.030)
SNOW = (0.840, 0.860, 0.870, 0.64)
CONCRETE = (0.210, 0.200, 0.190, 0.24)
ROOF = (0.640, 0.640, 0.630, 0.62)


@dataclass(frozen=True)
class Terrain:
    """What a scene's ground is made of; shares (0..1) of its area, each covering what comes before it."""

    fields: float = 0.0
    sand: float = 0.0
    mountains: float = 0.0
    snow: float = 0.0
    built: float = 0.0
    water: float = 0.0


def ground(rng: np.random.Generator, height: int, width: int, terrain: Terrain) -> np.ndarray:
    """Reflectance (4, height, width) float64 in about 0..1, bands in the order red, green, blue, nir."""
    elevation = fractal(rng, height, width, 1.9)
    moisture = fractal(rng, height, width, 1.7)
    fine = fractal(rng, height, width, 0.8)
    image = _blend(_flat(FOREST, 1.0 + 0.12 * fine), _flat(SOIL, 1.0 + 0.10 * fine), ramp(moisture + 0.3 * fine, 0.2, 0.8))
    image = _blend(image, _farmland(rng, height, width, fine), ramp(-moisture, top(-moisture, terrain.fields), 0.1))
    image = _blend(image, _dunes(rng, height, width, fine), ramp(moisture, top(moisture, terrain.sand), 0.4))
    relief = _relief(rng, elevation)
    image = _blend(image, _flat(ROCK, relief * (1.0 + 0.15 * fine)), ramp(elevation, top(elevation, terrain.mountains), 0.4))
    # Snow lies high and in patches as small as a few pixels, with rock between, lit by the relief: bright like cloud, but never smooth.
    cover = elevation + 0.28 * fine
    image = _blend(image, _flat(SNOW, np.clip(relief, 0.35, 1.1)), ramp(cover, top(cover, terrain.snow), 0.12))
    towns = fractal(rng, height, width, 1.4) - 0.6 * elevation
    image = _blend(image, _town(rng, height, width), ramp(towns, top(towns, terrain.built), 0.02))
    depth = ramp(-elevation, top(-elevation, terrain.water), 0.03)
    return _blend(image, _flat(WATER, 1.0 + 0.25 * ramp(elevation, -1.6, 1.2) + 0.04 * fine), depth)


def _flat(spectrum: tuple[float, ...], brightness: np.ndarray) -> np.ndarray:
    return np.asarray(spectrum)[:, None, None] * brightness


def _blend(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    return below + (above - below) * share


def _relief(rng: np.random.Generator, elevation: np.ndarray) -> np.ndarray:
    """Illumination (about 0.3..1.5) of slopes lit from the north-west, over the hills and a rougher surface of ridges."""
    height, width = elevation.shape
    surface = 6.0 * elevation + 1.6 * fractal(rng, height, width, 1.25)
    down, right = np.gradient(surface)
    slope = down + right
    return np.clip(1.0 + 0.40 * slope / slope.std(), 0.3, 1.5)


def _grid(rng: np.random.Generator, height: int, width: int, sides: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row number, column number and distance to the border (pixels) of the cell that each pixel lies in: a turned, uneven grid."""
    angle = rng.uniform(0.0, np.pi / 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    axes = (x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle) + width)
    numbers, distances = [], []
    for along in axes:
        edges = np.cumsum(rng.integers(sides[0], sides[1] + 1, size=2 + (2 * (height + width)) // sides[0])).astype(np.float64)
        number = np.searchsorted(edges, along)
        before = np.concatenate(([0.0], edges))[number]
        numbers.append(number)
        distances.append(np.minimum(along - before, edges[number] - along))
    return numbers[0], numbers[1], np.minimum(distances[0], distances[1])


def _farmland(rng: np.random.Generator, height: int, width: int, fine: np.ndarray) -> np.ndarray:
    """Fields of one crop or bare soil each, parted by darker tracks, with furrows."""
    row, column, border = _grid(rng, height, width, (9, 26))
    ripe = rng.uniform(0.0, 1.0, (int(row.max()) + 1, int(column.max()) + 1))[row, column]
    shade = rng.uniform(0.75, 1.25, (int(row.max()) + 1, int(column.max()) + 1))[row, column]
    brightness = shade * (1.0 + 0.05 * fine + 0.05 * ((row + column) % 2)) * np.where(border < 0.8, 0.8, 1.0)
    return _blend(_flat(GRASS, brightness), _flat(SOIL, 1.15 * brightness), ripe * ripe)


def _dunes(rng: np.random.Generator, height: int, width: int, fine: np.ndarray) -> np.ndarray:
    """Sand with dunes: warped ripples about ten pixels apart."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    bend = 5.0 * fractal(rng, height, width, 1.6)
    ripple = np.sin(0.45 * x + 0.35 * y + bend)
    return _flat(SAND, 1.0 + 0.16 * ripple + 0.06 * fine)


def _town(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Blocks of a few pixels between streets: mostly gray, some green yards, some bright roofs."""
    row, column, border = _grid(rng, height, width, (3, 8))
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    kind = rng.uniform(0.0, 1.0, shape)[row, column]
    shade = rng.uniform(0.6, 1.35, shape)[row, column]
    image = _flat(CONCRETE, shade)
    image = np.where(kind < 0.25, _flat(GRASS, shade), image)
    image = np.where(kind > 0.72, _flat(ROOF, shade), image)
    return np.where(border < 0.7, _flat(CONCRETE, np.full((height, width), 0.75)), image)
