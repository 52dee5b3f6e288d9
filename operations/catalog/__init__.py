"""The command that renews workloads/hardware.json from what EC2 itself answers."""
