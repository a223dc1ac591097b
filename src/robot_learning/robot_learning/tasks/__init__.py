"""States, costs, conditions and success of each task; numpy only."""
