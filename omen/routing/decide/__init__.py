"""From a request to a plan: who may answer, in which order, by which strategy."""
