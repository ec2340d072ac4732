"""Side-by-side measurements, each printing a ratio. A module here with a `run() -> dict` is a benchmark; `make bench` runs them all."""
