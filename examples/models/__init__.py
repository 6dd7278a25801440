"""Models written with Tapescope that take the weights of others."""
