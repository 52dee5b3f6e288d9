"""One pool of identical nodes, as a stack."""

from stacks.node_pool.stack import NodePoolStack

__all__ = ["NodePoolStack"]
