"""What learns: dynamics fits, guided policy search."""
