"""The deployment's configuration: what may be set, its defaults, its rules.

An environment is one TOML file in stacks/environments/; the file's name is the environment's.
What a file does not set has its default here; what it sets wrongly is a ConfigError, whose text
names the file, the key, the value and what would be right.
"""

from stacks.config.environment import (
    BudgetConfig,
    ClusterConfig,
    EndpointConfig,
    EnvironmentConfig,
    GatewayConfig,
    JwtConfig,
    NetworkConfig,
    StorageConfig,
)
from stacks.config.loading import (
    ENVIRONMENTS,
    ConfigError,
    day,
    load_environments,
    warnings,
)
from stacks.config.pools import CapacityConfig, NodePoolConfig

__all__ = [
    "ENVIRONMENTS",
    "BudgetConfig",
    "CapacityConfig",
    "ClusterConfig",
    "ConfigError",
    "EndpointConfig",
    "EnvironmentConfig",
    "GatewayConfig",
    "JwtConfig",
    "NetworkConfig",
    "NodePoolConfig",
    "StorageConfig",
    "day",
    "load_environments",
    "warnings",
]
