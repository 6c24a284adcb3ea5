"""The configured providers, their models, and the known facts about each model."""
