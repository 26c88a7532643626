"""The dose of a vector: of every token, of every layer, in nats and in the tokens that it buys."""
