"""The race engine, and the attempts that strategies open."""
