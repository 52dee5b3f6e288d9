"""What the emulator lacks, added inside its own process: types, services, lost properties."""
