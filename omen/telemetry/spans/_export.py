"""Where spans go: the SDK's own processor and exporter, as the `OTEL_*` variables configure them.

The processor exports from a thread of its own. A loop that ends a span only appends it to a queue,
from which the SDK drops what a collector does not take in time.
"""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import omen

_UNNAMED = "unknown_service"
"""How the SDK begins the name of a service that no variable names."""


def make_provider() -> TracerProvider:
    """Return a provider of spans that exports them over OTLP/HTTP.

    It is not the global one, and the end of the process does not wait for it: its owner shuts it
    down. **Raises.** `ValueError`, `OSError`: a variable is not usable.
    """
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _resource() -> Resource:
    """Return the resource of the variables. Without `OTEL_SERVICE_NAME` the service is `omen`."""
    resource = Resource.create({SERVICE_VERSION: omen.__version__})
    if str(resource.attributes.get(SERVICE_NAME, _UNNAMED)).startswith(_UNNAMED):
        resource = resource.merge(Resource({SERVICE_NAME: "omen"}))
    return resource
