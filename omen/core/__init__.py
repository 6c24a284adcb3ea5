"""The vocabulary and the contract that every other package uses. It imports no other package."""
