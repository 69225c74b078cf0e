"""Pages of `docs/` that are written from the program itself: `make docs`."""
