"""`./gradus chaos`: a site of its own under faults at random, and what must hold afterwards."""
