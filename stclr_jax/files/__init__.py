"""What a file system asks of whoever writes: locks, whole files, room."""
