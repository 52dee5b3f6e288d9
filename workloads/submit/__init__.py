"""Run a stage on a pool of the cluster, on SageMaker, or as processes of this machine."""
