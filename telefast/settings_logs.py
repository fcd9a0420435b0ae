"""The knobs about logs and metrics, which `Settings` inherits."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings

from telefast.settings_errors import names

__all__ = ["LogSettings"]


class LogSettings(BaseSettings):
    """How much is written and counted."""

    log_batch_interval: float = Field(
        default=5.0,
        ge=0,
        allow_inf_nan=False,
        validation_alias=names("log_batch_interval", "LOG_BATCH_INTERVAL"),
        description="Seconds in which a burst of log records of one kind passes; 0 for all.",
    )
    log_rate_burst: int = Field(
        default=10,
        ge=1,
        validation_alias=names("log_rate_burst", "LOG_RATE_BURST"),
        description="Log records of one kind that pass in that time, at least 1.",
    )
    log_adaptive: bool = Field(
        default=True,
        validation_alias=names("log_adaptive", "LOG_ADAPTIVE"),
        description="Whether only warnings pass while more than 100 records a second come.",
    )
    metrics_enabled: bool = Field(
        default=True,
        validation_alias=names("metrics_enabled", "METRICS_ENABLED"),
        description="Whether is counted what happens.",
    )

    def log_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.limit_logs` that these settings say.

        Example:
            >>> from telefast import Settings
            >>> Settings(log_batch_interval=0).log_options()["interval"]
            0.0
        """
        return {
            "interval": self.log_batch_interval,
            "burst": self.log_rate_burst,
            "adaptive": self.log_adaptive,
        }
