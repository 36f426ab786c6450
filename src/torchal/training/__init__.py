"""How it is trained: recipe, schedule, augmentation, the loop, weights and scores."""
