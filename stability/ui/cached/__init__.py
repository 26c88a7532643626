"""Results that are kept from run to run, keyed by ids and settings.

There are three ways to keep one:

- `keyed.cached`, where a result is made from a model, a state or another result: these are found at
  every call, which may draw, and do not enter the key;
- `background.Jobs`, where the work takes long: it shows its progress, and may be stopped;
- Streamlit's `cache_resource` itself, where the arguments alone make the result: what is read from the
  shipped files, and the cases of the prompts measured so far.
"""
