"""Import paths of the tutorial; what they name lives elsewhere."""
