"""What the Edge TPU compiler will do, what it did, and running it."""
