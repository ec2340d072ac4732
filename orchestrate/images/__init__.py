"""The container images: the graph of docker/docker-bake.hcl, the bases of docker/bases.toml, and building what is missing."""
