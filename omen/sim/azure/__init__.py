"""Azure OpenAI from the server's side, in both forms of its URLs."""

from omen.sim.azure.dialect import AzureDialect

__all__ = ["AzureDialect"]
