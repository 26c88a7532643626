"""What is collected: the tools whose files are compared are an optional extra."""

from importlib.util import find_spec

TOOLS = ("dialz", "repeng", "steering_vectors")
collect_ignore = [] if all(map(find_spec, TOOLS)) else ["test_oracles.py"]
