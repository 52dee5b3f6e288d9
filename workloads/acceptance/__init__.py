"""Whether the devices of a pool's nodes, and the fabric between them, are what was paid for."""
