"""Episodes to look at: replayed from their seed and actions, in a process of its own, as videos and film strips."""
