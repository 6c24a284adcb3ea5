"""The matrix of docs/providers.md: every feature asked of every provider by an official SDK."""
