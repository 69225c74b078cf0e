"""What `iteira doctor` examines, from this machine outwards. Each finding names what mends what is wrong."""
