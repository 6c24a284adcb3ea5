"""The vocabulary and the contract: what every other package speaks in. It imports none of them."""
