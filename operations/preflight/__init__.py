"""Before a deployment: what AWS would refuse, asked beforehand and without changing anything."""
