"""The fault matrix: every fault, at every door, with every strategy, in virtual time."""
