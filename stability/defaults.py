"""What is looked at unless something else is asked for; kept apart, as it is needed before torch is."""

MODELS = ("smollm2-135m", "gemma-3-270m")  # those that come as packages
EPSILONS = (0.001, 0.01, 0.1, 1.0)  # nats
