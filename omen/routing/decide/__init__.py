"""From a request to a plan: which candidates may answer, in which order, by which strategy."""
