"""The budgets that a person may choose; needed before torch is imported."""

# one decimal step in ten, from 1e-4 to 3 nats
EPSILON_STEPS = (*(float(f"{10 ** (tenth / 10):.2g}") for tenth in range(-40, 5)), 3.0)
SMALLEST_EPSILON, LARGEST_EPSILON = EPSILON_STEPS[0], EPSILON_STEPS[-1]
