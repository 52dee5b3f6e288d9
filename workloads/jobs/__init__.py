"""What is to run, and how Kubernetes, SageMaker or this machine is told."""
