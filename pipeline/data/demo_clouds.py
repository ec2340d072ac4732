"""The sky of a demo scene: opaque and thin clouds, the shadow they throw, and the mask that says where they are."""

from dataclasses import dataclass

import numpy as np

from .demo_noise import fractal, ramp, top

# Clouds scatter all four bands almost alike (red, green, blue, nir); the opposite of snow, which darkens in the near infrared.
CLOUD = (0.66, 0.66, 0.68, 0.68)
THIN = 0.35  # optical thickness from which a pixel counts as cloud: 30 % of what is seen is then cloud


@dataclass(frozen=True)
class Sky:
    """Cloud cover of a scene: shares (0..1) of its area under opaque and thin cloud, and the shadow's way in pixels (down, right)."""

    opaque: float
    thin: float
    shadow: tuple[int, int] = (14, -9)


def cover(rng: np.random.Generator, image: np.ndarray, sky: Sky) -> tuple[np.ndarray, np.ndarray]:
    """Lay clouds and their shadow over `image` (4, H, W reflectance); returns the new image and the mask, bool (H, W).

    Light passes with exp(-optical thickness); the mask is True where the thickness exceeds `THIN`, so thin cloud counts as cloud and
    mere haze does not.
    """
    height, width = image.shape[1:]
    heaps = fractal(rng, height, width, 1.75, largest=140.0) + 0.05 * fractal(rng, height, width, 0.9)
    veil = fractal(rng, height, width, 1.9, largest=120.0, stretch=(1.0, 2.6))
    thickness = 4.5 * np.clip(heaps - top(heaps, sky.opaque) + THIN / 4.5, 0.0, None)
    # A veil thickens within a short way to something one sees through, and no further.
    thin = 0.95 * ramp(veil, top(veil, sky.thin) - 0.12, 0.35) * (1.0 + 0.15 * fractal(rng, height, width, 1.3))
    opacity = 1.0 - np.exp(-np.maximum(thickness, np.clip(thin, 0.0, None)))
    shadow = np.roll(1.0 - np.exp(-thickness), sky.shadow, axis=(0, 1))  # thin cloud throws none that one would see
    shaded = image * (1.0 - shadow * np.array([0.58, 0.55, 0.45, 0.65])[:, None, None])  # sky light, mostly blue, still reaches it
    # Thick parts are brighter; tops and undersides swell slowly, without an edge anywhere, from gray to white.
    brightness = 0.60 + 0.30 * (1.0 - np.exp(-0.5 * thickness)) + 0.14 * fractal(rng, height, width, 2.2, largest=90.0)
    cloud = np.asarray(CLOUD)[:, None, None] * np.clip(brightness, 0.35, 1.3)
    return shaded + (cloud - shaded) * opacity, opacity > 1.0 - np.exp(-THIN)
