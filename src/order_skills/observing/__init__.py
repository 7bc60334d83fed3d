"""What a running server tells of itself: a line of log for each call, and, where the owner sends
them to a collector, traces and metrics.

None of it holds personal data, arguments or keys. OpenTelemetry's SDK is an extra of the package
and is loaded only where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, because a host waits for the start.
"""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from order_skills.observing.telemetry import Telemetry
    from order_skills.settings import Settings

logger = logging.getLogger(__name__)


def start(settings: "Settings") -> "Telemetry | None":
    """Begin to send traces and metrics, where the owner named a collector; else None."""
    if not settings.telemetry:
        return None
    try:
        from order_skills.observing import exporting
    except ImportError:
        logger.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but nothing is sent to it: "
            "install order-skills[otel]"
        )
        return None
    return exporting.start()
