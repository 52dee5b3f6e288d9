"""The EKS cluster of one environment."""

from stacks.cluster.stack import ClusterStack

__all__ = ["ClusterStack"]
