"""What is the same everywhere by default; kept apart, as it is needed before torch is imported."""

MODELS = ("smollm2-135m", "gemma-3-270m")  # those that come as packages
EPSILONS = (0.001, 0.01, 0.1, 1.0)  # nats
DOSE_EPSILONS = (0.01, 0.1, 1.0)  # nats
DOSE_STATISTICS = ("last", "mean", "p95")  # over tokens
LEADING_PAIRS = 16  # leading eigenpairs
RIVALS, MOST_RIVALS = 20, 1000  # of a prediction: how many are listed, and may be
