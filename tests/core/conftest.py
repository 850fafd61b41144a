"""Every property is checked on the same examples on every machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "core",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("core")
