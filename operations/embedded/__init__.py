"""The embedded AWS: an emulator on this machine that the unmodified CDK CLI deploys into."""
