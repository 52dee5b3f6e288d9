"""Services that the emulator lacks, or operations of them, as records of what was asked for.

Nothing runs behind them: an endpoint here never comes into service, a file system never
becomes available. What they do is hold every request to botocore's model of the service.
"""

from operations.embedded.extension.services.engine import JsonService
from operations.embedded.extension.services.fsx import FSX
from operations.embedded.extension.services.sagemaker import SAGEMAKER
from operations.embedded.extension.services.scaling import SCALING
from operations.embedded.extension.services.waf import WAF_LOGGING

SERVICES: tuple[JsonService, ...] = (SAGEMAKER, FSX, SCALING, WAF_LOGGING)
